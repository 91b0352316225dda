#include "stages/reading.h"

#include <algorithm>

#include "pipeline/limits.h"
#include "pipeline/memory_shares.h"

namespace rebuild_projection {

namespace {

/// Members of one event type up to which it is cheaper to have the server pick them out than to send the document.
constexpr std::size_t members_max = 8;

/// Of texts. Of events of some 150 bytes they are a third of what a page takes once it is parsed.
std::size_t page_bytes(const Options& options) {
  return std::clamp<std::size_t>(MemoryShares(options.memory_bytes_max).pages / options.tokens / 3,
                                 limits::page_bytes_min, limits::page_bytes_target);
}

PayloadSelection select_payloads(const Options& options, const EventStore& store,
                                 const std::vector<const Projector*>& projectors) {
  using Documents = PayloadSelection::Documents;
  if (options.payload != Payload::whole && store.can_send_members()) {
    const PayloadSelection slim(projectors, Documents::slim);
    if (options.payload == Payload::slim || slim.member_columns() <= members_max) return slim;
  }
  const bool trusted = store.payload() == EventStore::Payload::jsonb || store.payload() == EventStore::Payload::json;
  return {projectors, trusted && !store.lacks_encoding() ? Documents::read : Documents::checked};
}

}  // namespace

StoreReader::Settings reader_settings(const Options& options, const EventStore& store,
                                      const std::vector<const Projector*>& projectors, bool indexed,
                                      const std::stop_token& stop) {
  return {.dsn = options.source_dsn,
          .indexed = indexed,
          .readers = options.readers,
          .page_bytes = page_bytes(options),
          .payloads = select_payloads(options, store, projectors),
          .retry = options.retry,
          .stop = stop};
}

}  // namespace rebuild_projection

#include "stages/replay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "pipeline/engine.h"
#include "pipeline/limits.h"
#include "pipeline/memory_shares.h"
#include "stages/preparation.h"
#include "stages/read/store_reader.h"

namespace rebuild_projection {

namespace {

/// Members of one event type up to which it is cheaper to have the server pick them out than to send the document.
constexpr std::size_t members_max = 8;

/// Before it is parsed, which about doubles what it takes.
std::size_t page_bytes(const Options& options) {
  return std::clamp<std::size_t>(MemoryShares(options.memory_bytes_max).pages / options.tokens / 2,
                                 limits::page_bytes_min, limits::page_bytes_target);
}

PayloadSelection select_payloads(const Options& options, const EventStore& store,
                                 const std::vector<const Projector*>& projectors) {
  using Documents = PayloadSelection::Documents;
  if (options.payload != Payload::whole && store.can_send_members()) {
    const PayloadSelection slim(projectors, Documents::slim);
    if (options.payload == Payload::slim || slim.most_members() <= members_max) return slim;
  }
  const bool trusted = store.payload() == EventStore::Payload::jsonb || store.payload() == EventStore::Payload::json;
  return {projectors, trusted && !store.lacks_encoding() ? Documents::read : Documents::checked};
}

/// A range without events, whether some come or not.
class NoEvents final : public PageSource {
 public:
  std::optional<UnreadPage> next(std::size_t) override { return std::nullopt; }
  std::unique_ptr<PageSource> again(const std::optional<Position>&, const Position&) override {
    return std::make_unique<NoEvents>();
  }
};

/// Says when the batch that ends with `last` is about to be committed.
class ToldAtLast final : public BatchSink {
 public:
  ToldAtLast(BatchSink& sink, const std::optional<Position>& last, const std::function<void()>& at_last)
      : sink_(sink), last_(last), at_last_(at_last) {}
  Committed commit(const Batch& batch) override {
    if (batch.last_position == last_) at_last_();
    return sink_.commit(batch);
  }

 private:
  BatchSink& sink_;
  const std::optional<Position>& last_;
  const std::function<void()>& at_last_;
};

}  // namespace

Report replay_events(const Options& options, const EventStore& store, const std::vector<const Projector*>& projectors,
                     const Replay& events, BatchSink* sink, Progress& progress, const std::stop_token& stop) {
  const auto reader = make_reader(store, events.range,
                                  {.server = source_of(options),
                                   .indexed = events.how == Replay::Reading::page_by_page,
                                   .readers = options.readers,
                                   .page_bytes = page_bytes(options),
                                   .payloads = select_payloads(options, store, projectors),
                                   .stretch_ends = events.stretch_ends,
                                   .snapshot = events.snapshot,
                                   .stops_at_first = options.on_error == OnError::stop,
                                   .show_values = options.show_values,
                                   .retry = options.retry,
                                   .stop = stop});
  NoEvents none;
  PageSource* source = events.how == Replay::Reading::nothing ? static_cast<PageSource*>(&none) : reader.get();
  std::optional<ToldAtLast> told;
  if (sink != nullptr && events.at_last) sink = &told.emplace(*sink, events.range.last, events.at_last);
  const auto parser = make_json_parser(projectors, format_of(store.payload()));
  Report report =
      run_pipeline(options, projectors, {.source = *source, .parser = *parser, .sink = sink, .watch = events.watch},
                   progress, stop, events.first_stretches);
  report.retries = reader->retries();
  report.bytes_read = reader->bytes();
  return report;
}

}  // namespace rebuild_projection

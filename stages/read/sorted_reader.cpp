#include "stages/read/sorted_reader.h"

#include <algorithm>
#include <utility>

#include "pipeline/limits.h"

namespace rebuild_projection {

SortedReader::SortedReader(const EventStore& store, EventRange range, Settings given)
    : StoreReader(store, std::move(range), std::move(given)),
      session_(nullptr, source_connector(settings().server, settings().stop), settings().retry, settings().stop),
      after_(whole().after) {}

std::optional<UnreadPage> SortedReader::next(std::size_t events_max) {
  events_max = std::min(events_max, limits::page_events_max);
  while (!at_end_) {
    const std::size_t stretch = stretch_;
    bool more = false;
    std::optional<Page> page = session_.use([&](Session& session) -> std::optional<Page> {
      PageBuilder builder(store(), settings().payloads, std::min(events_max, page_events_), page_bytes_);
      try {
        more = fill(session, builder, events_max);
      } catch (...) {  // the next try begins after the last page
        rows_.reset();
        throw;
      }
      if (builder.events() == 0) return std::nullopt;
      after_ = builder.last_position();
      page_bytes_ = builder.bytes();
      page_events_ = builder.events();
      return builder.take();
    });
    if (!more) {
      rows_.reset();
      at_end_ = stretch_ == settings().stretch_ends.size();
      ++stretch_;
    }
    if (!page) continue;
    page->stretch = stretch;
    const std::uint64_t events = page->events.size();
    return UnreadPage{events, [read = std::make_shared<Page>(std::move(*page))] { return std::move(*read); }};
  }
  return std::nullopt;
}

bool SortedReader::fill(Session& session, PageBuilder& page, std::size_t events_max) {
  if (!rows_) {
    EventRange rest = whole();
    rest.after = after_;
    if (stretch_ < settings().stretch_ends.size()) rest.stretch_end = settings().stretch_ends[stretch_];
    if (!settings().snapshot.empty()) begin_in_snapshot(session, settings().snapshot);
    rows_.emplace(session, store().events(rest, settings().payloads));
  }
  const std::uint64_t before = rows_->bytes();
  bool more = true;
  while (more && page.events() < events_max && page.bytes() < settings().page_bytes) {
    if (const auto row = rows_->next())
      page.add(*row);
    else
      more = false;
  }
  bytes_ += rows_->bytes() - before;
  return more;
}

}  // namespace rebuild_projection

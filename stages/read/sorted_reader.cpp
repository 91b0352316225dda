#include "stages/read/sorted_reader.h"

#include <algorithm>
#include <utility>

#include "pipeline/limits.h"
#include "stages/read/reading_by_halves.h"

namespace rebuild_projection {

SortedReader::SortedReader(const EventStore& store, EventRange range, Settings given)
    : StoreReader(store, std::move(range), std::move(given)),
      session_(nullptr, source_connector(settings().server, settings().stop), settings().retry, settings().stop),
      after_(whole().after) {}

std::optional<UnreadPage> SortedReader::next(std::size_t events_max) {
  events_max = std::min(events_max, limits::page_events_max);
  while (!at_end_) {
    bool more = false;
    Page page = session_.use([&](Session& session) { return read(session, events_max, more); });
    page.stretch = stretch_;
    if (!page.events.empty()) after_ = page.events.back().owned_position();
    if (!more) {
      rows_.reset();
      at_end_ = stretch_ == settings().stretch_ends.size();
      ++stretch_;
    }
    if (page.events.empty()) continue;
    const std::uint64_t events = page.events.size();
    return UnreadPage{events, [read = std::make_shared<Page>(std::move(page))] { return std::move(*read); }};
  }
  return std::nullopt;
}

Page SortedReader::read(Session& session, std::size_t events_max, bool& more) {
  if (!by_halves_) {
    PageBuilder builder(store(), settings().payloads, std::min(events_max, page_events_), page_bytes_);
    try {
      more = fill(session, builder, events_max);
      page_bytes_ = builder.bytes();
      page_events_ = builder.events();
      return builder.take();
    } catch (const SqlError& error) {  // the next try begins after the last page
      rows_.reset();
      by_halves_ = error.blames_row_read();
      if (!by_halves_) throw;
    } catch (...) {
      rows_.reset();
      throw;
    }
  }
  PageOfHalves halves = read_by_halves(session, store(), rest(),
                                       {.payloads = settings().payloads,
                                        .snapshot = settings().snapshot,
                                        .events_max = events_max,
                                        .bytes_max = settings().page_bytes,
                                        .stops_at_first = settings().stops_at_first,
                                        .show_values = settings().show_values});
  more = halves.more;
  return std::move(halves.page);
}

EventRange SortedReader::rest() const {
  EventRange rest = whole();
  rest.after = after_;
  if (stretch_ < settings().stretch_ends.size()) rest.stretch_end = settings().stretch_ends[stretch_];
  return rest;
}

bool SortedReader::fill(Session& session, PageBuilder& page, std::size_t events_max) {
  if (!rows_) {
    if (!settings().snapshot.empty()) begin_in_snapshot(session, settings().snapshot);
    rows_.emplace(session, store().events(rest(), settings().payloads));
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

#include "stages/read/page_reader.h"

#include <algorithm>
#include <utility>

#include "pipeline/limits.h"
#include "stages/postgres/copy_out.h"
#include "stages/read/reading_by_halves.h"

namespace rebuild_projection {

namespace {

/// Sessions that read along the index, whatever the planner thinks of it.
LastingSession::Connect index_connector(const StoreReader::Settings& settings) {
  return [connect = source_connector(settings.server, settings.stop)](const Session::Backend* lost) {
    auto session = connect(lost);
    session->execute("SET enable_sort = off; SET enable_incremental_sort = off");
    return session;
  };
}

}  // namespace

PageReader::PageReader(const EventStore& store, EventRange range, Settings given)
    : StoreReader(store, std::move(range), std::move(given)),
      scout_(store, whole(), settings().stretch_ends,
             LastingSession(nullptr, index_connector(settings()), settings().retry, settings().stop)),
      sessions_(index_connector(settings()), settings().readers, settings().retry, settings().stop) {}

std::optional<UnreadPage> PageReader::next(std::size_t events_max) {
  const std::size_t event_bytes = event_bytes_;
  const std::size_t fitting =
      event_bytes == 0 ? limits::page_events_first : std::max<std::size_t>(settings().page_bytes / event_bytes, 1);
  const auto bounds = scout_.next(std::min({events_max, fitting, limits::page_events_max}));
  if (!bounds) return std::nullopt;
  return UnreadPage{bounds->events, [this, bounds = *bounds] { return read(bounds); }};
}

Page PageReader::read(const Bounds& bounds) {
  return sessions_.use([&](Session& session) {
    try {
      return read_at_once(session, bounds);
    } catch (const SqlError& error) {
      if (!error.blames_row_read()) throw;
    }
    PageOfHalves halves = read_by_halves(session, store(), bounds.range,
                                         {.payloads = settings().payloads,
                                          .snapshot = settings().snapshot,
                                          .events_max = limits::page_events_max,
                                          .bytes_max = page_bytes_max(),
                                          .stops_at_first = settings().stops_at_first,
                                          .show_values = settings().show_values});
    return within(bounds, std::move(halves.page), halves.more);
  });
}

Page PageReader::read_at_once(Session& session, const Bounds& bounds) {
  const std::size_t likely = (event_bytes_ + event_bytes_ / 4) * bounds.events;
  PageBuilder page(store(), settings().payloads, bounds.events, std::min(likely, page_bytes_max()));
  bool cut = false;
  CopyOut rows(session, store().events(bounds.range, settings().payloads));
  while (const auto row = rows.next()) {
    cut = page.events() > 0 &&
          (page.bytes() + row->size() > page_bytes_max() || page.events() >= 2 * limits::page_events_max);
    if (cut) break;
    page.add(*row);
  }
  bytes_ += rows.bytes();
  if (page.events() > 0) event_bytes_ = page.bytes() / page.events();
  return within(bounds, page.take(), cut);
}

Page PageReader::within(const Bounds& bounds, Page&& page, bool cut) {
  page.stretch = bounds.stretch;
  if (!cut || page.events.empty()) return std::move(page);
  Bounds rest = bounds;
  rest.range.after = page.events.back().owned_position();
  page.rest = [this, rest] { return read(rest); };
  return std::move(page);
}

}  // namespace rebuild_projection

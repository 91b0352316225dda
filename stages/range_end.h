#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "stages/beginning.h"
#include "stages/read/event_store.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

/// Where a range of events ends now.
struct RangeEnd {
  std::optional<Position> last;  ///< nullopt: it has no events
  std::uint64_t events = 0;      ///< in it
  bool estimated = false;        ///< `events` is the planner's number
  bool indexed = true;           ///< an index serves the order
  std::string late_events;       ///< why_late_events_may_come()
};

/// Notes the last event of the range that is there now, waits at the fence (Options::fence) for what may still commit
/// an earlier one, and counts; but where many events are to be applied and the number decides nothing, it takes the
/// planner's for it: a count of 10^9 takes minutes, and the closing count comes anyway. What comes later belongs to the
/// next range. `session` reads the store and is in no transaction. Throws UsageError, and Cancelled on a stop.
RangeEnd find_end(const EventStore& store, Session& session, const Options& options, const EventRange& range,
                  const Beginnings& beginnings, const std::stop_token& stop);

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/beginning.h"
#include "stages/preparation.h"
#include "stages/read/event_store.h"
#include "stages/replay.h"

namespace rebuild_projection {

/// What a run will do: which events, from where on for which projection. Nothing was written to make it.
struct Plan {
  Beginnings beginnings;
  EventRange range;                   ///< its end is fixed: what comes later belongs to the next run
  std::uint64_t events_in_range = 0;  ///< when the end was fixed
  bool estimated = false;             ///< RangeEnd::estimated; false once they were counted
  bool indexed = true;                ///< an index serves the order
  /// --from-ts and --to-ts leave out events that come before others of the range: no position says which were read.
  bool has_gaps = false;
  std::string late_events;            ///< why_late_events_may_come(); of this run
  std::vector<std::string> warnings;  ///< in the log already
  /// By projection: events that the runs which built its rows skipped, as is recorded; of rows that are resumed onto or
  /// compared, else 0.
  std::vector<std::uint64_t> skipped_before;

  /// How they are to be read.
  [[nodiscard]] Replay::Reading reading() const;
  /// How many of them the run will replay.
  [[nodiscard]] std::uint64_t events(const Options& options) const;
};

/// Makes the checks that need the events or the checkpoints. In APPLY it takes the tables' advisory locks first, so
/// that nobody moves a checkpoint that was read. Throws UsageError, and Cancelled on a stop.
Plan make_plan(const Preparation& prepared, const std::stop_token& stop);

/// Says what will be cleared and replayed (Options::announce).
void announce(const Plan& plan, const Preparation& prepared);

/// Plan::skipped_before, and a warning for each.
void find_skipped_before(Plan& plan, const Preparation& prepared);

/// Plan::range alone, as the options say it; its end is not fixed.
void choose_range(Plan& plan, const Preparation& prepared);

}  // namespace rebuild_projection

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/payload_watch.h"
#include "pipeline/report.h"
#include "stages/early_count.h"
#include "stages/plan.h"
#include "stages/postgres/lasting_session.h"
#include "stages/preparation.h"

namespace rebuild_projection {

/// What APPLY and DRY_RUN do when the events are replayed: the checks that nothing was lost in silence, and what the
/// report says besides. All that is given outlives this.
class Closing {
 public:
  Closing(LastingSession& source, const EventStore& store, Plan& plan, const std::vector<SelectedProjection>& selected,
          std::stop_token stop)
      : source_(source),
        store_(store),
        plan_(plan),
        selected_(selected),
        early_count_(source, store, std::move(stop)) {}

  /// The last batch is about to be written. Where a fence promises that no event comes late, those of the plan's range
  /// are counted for check_events() meanwhile. From any thread; end_early_count() comes before the next use of
  /// `source`.
  void begin_early_count();
  void end_early_count() { early_count_.end(); }

  /// Calls `step`, whose failure is the run's.
  void step(const std::function<void()>& step, Report& report);

  /// The store, asked again, must have as many events in what was replayed as were read; where no fence promises that
  /// no event came late, so must what all runs replayed. The run has failed otherwise. An estimate in the plan is
  /// replaced by the count.
  void check_events(Report& report);
  /// Checkpoints::finish()'s, of what check_events() found.
  [[nodiscard]] const std::optional<std::string>& found_late_events() const { return found_late_events_; }

  /// ANALYZE of the live tables, as far as this role may; not of one that publishing found equal to its shadow.
  void analyze(Session& session, const Report& report);

  /// In the log at once, and in the report.
  void warn(const std::string& text);
  /// Warns of what the watch found, and of events that were skipped, which are recorded in the table of that name.
  void warn_of_events(const PayloadWatch& watch, const std::string& dead_letters, const Report& report);

  /// What the report says of the plan: to be called once, and after it report_warnings().
  void describe(Report& report, const std::string& database) const;
  /// Its number of events alone, again.
  void describe_range(Report& report) const;
  void report_warnings(Report& report) const;

 private:
  void check_count(Report& report);
  void check_all_runs(Report& report);
  std::uint64_t count(const EventRange& range);

  LastingSession& source_;
  const EventStore& store_;
  Plan& plan_;
  const std::vector<SelectedProjection>& selected_;
  EarlyCount early_count_;
  std::optional<std::string> found_late_events_;
  std::vector<std::string> warnings_;
};

/// Whether the events were replayed as far as they were to be.
bool went_well(const Report& report);

}  // namespace rebuild_projection

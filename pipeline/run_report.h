#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/fold.h"
#include "pipeline/open_batch.h"
#include "pipeline/options.h"
#include "pipeline/progress.h"
#include "pipeline/report.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// The report of a run while it runs: every event that came to the commit stage is accounted for, whatever became of
/// it. Belongs to that stage's thread; `progress` shows the numbers to others. All that it is made with outlives it.
class RunReport {
 public:
  RunReport(const RunOptions& options, const std::vector<RunProjector>& projectors, Progress& progress);

  /// A batch was committed; `types` are those of its events.
  void count(const Batch& batch, const Committed& committed, const EventTypes& types);
  /// So many events were read and are rolled back. One of them is to blame if `projection` is named.
  void roll_back(const std::string& projection, std::uint64_t events, const EventTypes& types);
  /// The run ends here, before its events do.
  void end(Ending ending, const std::string& detail);
  /// Of the last event that was committed.
  [[nodiscard]] const std::optional<Position>& last_position() const { return report_.last_position; }

  /// The whole report, once. `unless_ended` is how the run ended where end() was not called.
  Report finish(Ending unless_ended, std::uint64_t batches_closed_early, std::chrono::duration<double> took);

 private:
  /// Counts an event that was left out, and logs it: each in VERIFY, which keeps no table of them, else the first few.
  void skip(Report::Projection& total, const DeadLetter& letter);

  const RunOptions& options_;
  const std::vector<RunProjector>& projectors_;
  Progress& progress_;
  bool ended_ = false;
  std::size_t logged_ = 0;  ///< skipped events that were, or could have been
  Report report_;
};

/// What an exception says to the person at the terminal.
std::string cause_of(const std::exception_ptr& cause);
/// "projection p, event 7 at …: cause"
std::string sentence(const std::string& projection, const DeadLetter& event, const std::string& cause);

}  // namespace rebuild_projection

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/report.h"
#include "stages/closing.h"
#include "stages/commit/committer.h"
#include "stages/commit/writers_lock.h"
#include "stages/plan.h"
#include "stages/preparation.h"

namespace rebuild_projection {

/// APPLY into shadows, planned. The events are replayed into private tables as APPLY in place does into the live ones:
/// batches, checkpoints of their own, resume, retries. What arrives meanwhile is replayed in rounds. Then writers, but
/// no readers, are kept out of the live tables; what is left is replayed, and in the same transaction of another
/// session the live tables are made equal to the shadows, the shadows' checkpoints become theirs, and the shadows go.
///
/// Until that transaction commits, the live tables and their checkpoints are as they were; where it does not, shadows
/// and checkpoints stay, and a run with --resume goes on, or only publishes.
///
/// Late events and live projectors: see stages/README.md, "Publishing while the application runs".
class ShadowRebuild {
 public:
  ShadowRebuild(Preparation&& prepared, Plan&& plan, std::stop_token stop);

  /// Makes the shadows, or finds those to go on with. Throws SqlError, UsageError, and Cancelled on a stop.
  void set_up();
  /// After set_up(), once. All failures are in the report.
  Report go();

 private:
  Report replay_planned();
  void replay_none();
  /// Replays a range whose end is fixed, after all that was replayed before. False where `hurry` ended it earlier.
  bool replay_more(Report& report, const EventRange& range, const std::stop_token& hurry = {});
  /// What comes after that; `session` is asked for the live projector's position.
  EventRange rest(Session& session);
  /// Rounds, until one is done in no time.
  void catch_up(Report& report);
  /// The rest, while writers are kept out of the live tables.
  void catch_up_under_lock(Session& publisher, const WritersLock& lock, Report& report);
  void publish_all(Report& report);
  void publish_in(Session& publisher, Report& report);
  /// Whether shadows and live tables are what this run left and found.
  void refuse_what_others_did(Session& publisher) const;
  void take_over(Session& publisher, WritersLock& lock, Report& report);
  void finish(Report& report);
  void drop_empty_shadows(Report& report);
  /// Calls `step`, whose failure is the run's.
  void guarded(Report& report, const std::string& what, const std::function<void()>& step);

  const Options options_;
  const std::stop_token stop_;
  Plan plan_;
  const std::string where_;
  const bool same_database_;
  const EventStore store_;
  const std::vector<SelectedProjection> selected_;
  const Checkpoints checkpoints_;  ///< of the shadows
  LastingSession source_, target_;
  LastingSession publisher_;  ///< connected when it comes to that
  std::vector<CatalogueTable> shadows_;
  std::string live_standing_;  ///< of the live tables' checkpoints, as the run began
  std::optional<Committer> committer_;
  PayloadWatch watch_;
  Closing closing_;
  std::optional<Position> at_;  ///< of the last event that is in the shadows
};

}  // namespace rebuild_projection

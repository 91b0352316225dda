#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/payload_watch.h"
#include "pipeline/progress.h"
#include "pipeline/report.h"
#include "stages/commit/committer.h"
#include "stages/commit/difference.h"
#include "stages/plan.h"
#include "stages/preparation.h"
#include "stages/replay.h"

namespace rebuild_projection {

/// VERIFY, planned. The events up to the plan's end are replayed into temporary tables as APPLY would; nothing is held
/// meanwhile. Then, in one REPEATABLE READ transaction of the session that has these tables, what its snapshot sees of
/// later events is replayed too, and the live tables are compared. Where the store lies in the same database, events
/// are read in that very snapshot.
///
/// All but the making of the temporary tables is done in read-only transactions, in which the server lets nobody write
/// to any other table.
class Verification {
 public:
  /// What is asked of one row alone (--explain-row); of a run with one projection.
  struct Row {
    std::vector<std::string> key;          ///< a text for each of its columns
    const Projector* projector = nullptr;  ///< takes the place of the projection's own; outlives the verification
  };

  Verification(Preparation&& prepared, Plan&& plan, std::stop_token stop, std::optional<Row> row = std::nullopt);

  /// Makes the temporary tables. Throws SqlError.
  void set_up();
  /// After set_up(), once. Throws Cancelled where a stop came before the first event; all else is in the report.
  Report go();

 private:
  [[nodiscard]] std::vector<const Projector*> projectors() const;
  Report replay(Replay::Reading how, const EventRange& range, const std::string& snapshot, Progress& progress);
  void compare(Report& report);
  void compare_in(Session& session, Report& report);
  void take_live_position(Session& session);
  void catch_up(Report& report, const std::string& snapshot);
  [[nodiscard]] std::uint64_t count(const EventRange& range, const std::string& snapshot);
  void compare_tables(Session& session, Report& report);
  Comparison compare_table(Session& session, std::size_t index);
  void finish(Report& report);
  void warn(const std::string& text);
  void warn_of_rebuilds(Session& session);
  void warn_of_other_owners(Session& session);

  const Options options_;
  const std::stop_token stop_;
  Plan plan_;
  const std::string where_;
  const bool same_database_;
  const EventStore store_;
  const std::vector<SelectedProjection> selected_;
  const Checkpoints checkpoints_;  ///< temporary too
  LastingSession source_, target_;
  const std::optional<Row> row_;
  std::vector<CatalogueTable> tables_;  ///< temporary, in the order of the projections
  std::optional<Committer> committer_;
  PayloadWatch watch_;
  std::vector<std::string> warnings_;
};

}  // namespace rebuild_projection

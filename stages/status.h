#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/rebuild.h"

namespace rebuild_projection {

/// How far one projection is built, and who is at it.
struct ProjectionStatus {
  std::string projection;  ///< empty: a rebuild that has no checkpoint yet
  std::string table;       ///< "schema.table"
  std::string state;       ///< stages/commit/checkpoints.h; empty where there is no checkpoint
  std::string position;    ///< of the last event in its rows, for a person; empty: none yet
  std::uint64_t events = 0;
  std::string updated_at;  ///< when the checkpoint moved last
  /// Events of the store after the checkpoint, and by how much the last of them is later; nullopt where it was built
  /// from another store than the options name, or the store has no timestamp.
  std::optional<std::uint64_t> events_behind;
  std::optional<std::string> time_behind;
  bool store_is_behind = false;  ///< the store, as it is read, ends before the checkpoint
  std::string held_by;           ///< the session that is rebuilding it now; empty: none
};

/// The checkpoints in the target database, ordered by projection, and the rebuilds that are running there. Reads
/// `store`, the databases and `meta_schema` of the options. Counts the store's events after each checkpoint. Throws
/// UsageError.
std::vector<ProjectionStatus> status(const Options& options, const std::stop_token& stop);

}  // namespace rebuild_projection

#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "pipeline/publication.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

/// What was put back into one live table.
struct UndonePublication {
  std::string projection;
  std::string table;  ///< "schema.table"
  Publication rows;
};

/// Puts back what the last publication of these projections' shadows replaced (Options::keep_previous), rows and
/// checkpoints, in one transaction, with writers kept out. All of them or none. Throws UsageError where that is
/// impossible, or would lose what was written since; RunError, and Cancelled on a stop.
std::vector<UndonePublication> undo_publish(const Options& options, const ProjectorRegistry& registry,
                                            const std::stop_token& stop);

}  // namespace rebuild_projection

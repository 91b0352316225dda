#pragma once

#include <stop_token>

#include "pipeline/projector.h"
#include "pipeline/report.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

/// Rebuilds the projections into temporary tables and compares the live ones with them, in one snapshot. Writes nothing
/// that is there after it. Reports and throws as rebuild(), which calls it for Mode::verify; what was found is in
/// Report::Projection::comparison.
Report verify(const Options& options, const ProjectorRegistry& registry, std::stop_token stop);

}  // namespace rebuild_projection

#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "stages/rebuild.h"

namespace rebuild_projection {

/// Makes every check that a rebuild with these options makes before it reads events, and writes nothing, whatever
/// `options.mode` is. Returns what was found good, a line each, projections first. Throws UsageError with every
/// mistake, one a line; warnings go to spdlog's default logger.
std::vector<std::string> check(const Options& options, const ProjectorRegistry& registry, const std::stop_token& stop);

}  // namespace rebuild_projection

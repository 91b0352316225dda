#pragma once

#include "pipeline/options.h"

namespace rebuild_projection {

/// `options` with every "from the machine" replaced: CPUs of this process (affinity and cgroup), its memory.
RunOptions with_defaults(RunOptions options);

}  // namespace rebuild_projection

#pragma once

#include "stages/commit/checkpoints.h"

namespace rebuild_projection {

/// The tables of checkpoints and dead letters, without their schema.
const char* name_of_checkpoints(Checkpoints::Of of);
const char* name_of_dead_letters(Checkpoints::Of of);

}  // namespace rebuild_projection

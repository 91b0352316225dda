#pragma once

#include "stages/preparation.h"

namespace rebuild_projection {

/// Throws UsageError where the store ends before the checkpoint of one of the run's tables that was built from it: on a
/// standby that lags, say. The table would be moved back, or what it is ahead be taken for drift. Every checkpoint of
/// the table counts, whichever projection's; --clear always gives the rows up, and so allows it. Where this role may
/// not read the checkpoints, nothing is known and nothing refused.
void refuse_store_that_is_behind(const Preparation& prepared);

}  // namespace rebuild_projection

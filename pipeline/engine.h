#pragma once

#include <stop_token>
#include <vector>

#include "pipeline/options.h"
#include "pipeline/progress.h"
#include "pipeline/projector.h"
#include "pipeline/report.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// Drives every event of `stages.source` through parse, apply and commit, and says what happened.
///
/// Order: batches are committed in position order, each as a whole. Concurrency never changes the rows.
/// Threads: blocks the caller; starts its own. `progress` may be read by any thread meanwhile.
/// Stop: when `stop` is requested, the batch being committed finishes, nothing else starts.
/// Errors: a failure of any stage is in the report (Ending::failed), after every earlier batch was committed. Only
/// std::bad_alloc before the run began and bugs are thrown.
///
/// Stretches: the source may cut its range into stretches, numbered from 0 in order (Page::stretch). The projector at
/// `index` takes part from stretch `first_stretches[index]` on, since events before it are in its rows already; without
/// an entry, from the first.
///
/// `options.mode` dry_run calls no projector and no sink; the others need a sink.
Report run_pipeline(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
                    Progress& progress, const std::stop_token& stop,
                    const std::vector<std::size_t>& first_stretches = {});

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "stages/plan.h"
#include "stages/preparation.h"

namespace rebuild_projection {

/// `--scope touched`: turns a plan to replay the events from some point on into one that rebuilds exactly the rows that
/// they touch, each from its own beginning. It reads those events once, to learn which rows these are, and then plans
/// to read what may touch these rows: where their keys are stream ids the events of those streams, else all events.
/// Says in Plan::range what that costs. Writes nothing, but calls the projectors, in DRY_RUN too.
///
/// Throws RunError where the events cannot be applied, and Cancelled.
void narrow_to_touched_rows(Preparation& prepared, Plan& plan, const std::stop_token& stop);

/// Number of events in a range that asks for streams or types; nullopt where the store's own SQL fails on what it asks
/// of an event. That event is named by whoever reads all of them.
std::optional<std::uint64_t> count_of_some(const Preparation& prepared, const EventRange& some);

}  // namespace rebuild_projection

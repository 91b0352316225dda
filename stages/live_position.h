#pragma once

#include <string>

#include "stages/postgres/session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// Where the application's own projector stands, as `sql` (--live-position) says: one statement that gives one row with
/// a value for each of the store's order columns. It is asked of `target`, in whatever transaction that is, and can
/// write nothing where that is read-only. Throws UsageError where the answer is no position.
Position live_position(Session& target, Session& source, const EventStore& store, const std::string& sql);

}  // namespace rebuild_projection

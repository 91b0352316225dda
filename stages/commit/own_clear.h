#pragma once

#include <cstdint>

#include "pipeline/projector.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Whether clear() returns a statement. Throws CallbackError where it throws.
bool has_own_clear(const Projector& projector);

/// Executes what a projector's own clear() returns, which has one, in the session's transaction; the rows that it
/// affected. One statement is taken, which leaves the transaction alone: throws SqlError or RunError otherwise, and
/// CallbackError where clear() throws.
std::uint64_t execute_own_clear(Session& session, const Projector& projector);

}  // namespace rebuild_projection

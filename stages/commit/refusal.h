#pragma once

#include <string>

#include "pipeline/change_set.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Why the server refused one event's changes, in words: the kind of error by SQLSTATE, and the column whose value does
/// not convert, found by converting each alone. The server's own message, which quotes the value, comes with
/// `show_values` only. Leaves the session's transaction usable; it must be in one.
std::string explain_refusal(Session& session, const SqlError& error, const ChangeSet& changes,
                            const CatalogueTable& table, bool show_values);

}  // namespace rebuild_projection

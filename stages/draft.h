#pragma once

#include <stop_token>
#include <string>

#include "stages/rebuild.h"

namespace rebuild_projection {

/// The text of a projection file to start from: a rule for each event type of the store, which fills the table's
/// columns from the payload's members of the same name. It passes check() as it stands, rights of the role apart.
///
/// Looks at the table's catalogue entry and at the store's oldest and newest events (limits::draft_events each), so it
/// takes as long for a large store as for a small one. Member names and event types reach the text, values do not.
/// Throws UsageError where the table cannot be a projection.
std::string draft_projection(const Options& options, const std::string& table, const std::stop_token& stop);

}  // namespace rebuild_projection

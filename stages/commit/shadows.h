#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/table.h"
#include "stages/commit/checkpoints.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

/// Shadows: side tables (side_table.h) in the schema of checkpoints, one for a live table at the most, named by the
/// live table's oid. They are unlogged. What lies in one is said by its checkpoint (Checkpoints::Of::shadows); a crash
/// of the server empties shadows and their checkpoints together, so that one without a checkpoint is left of a crash,
/// and empty.
namespace rebuild_projection {

/// The shadow of a live table; nullopt where there is none.
std::optional<CatalogueTable> find_shadow(Session& session, const std::string& schema, const CatalogueTable& live);

/// Makes it anew. What a crash of the server, or an earlier try of this, left in its place goes.
CatalogueTable make_shadow(Session& session, const std::string& schema, const CatalogueTable& live,
                           const TableLayout& layout);

void drop_shadow(Session& session, const std::string& schema, std::uint32_t live_oid);

/// Why this role cannot replace what an earlier run left for a live table, its shadow or the rows before its last
/// publication (previous_rows.h), as a sentence; "" where it can.
std::string left_by_another_role(Session& session, const std::string& schema, const CatalogueTable& live);

/// Why a run of `projection` cannot begin a shadow of its own beside what lies there, as a sentence; "" where it can.
/// With `resume`, the projection's own shadow is none.
std::string shadow_in_the_way(Session& session, const std::vector<Checkpoints::Overview>& shadows,
                              const std::string& schema, const std::string& projection, const CatalogueTable& live,
                              bool resume);

/// Drops every shadow that is in the way of `projection`, with its checkpoint (--discard). Throws UsageError where
/// another run is at one.
void discard_shadows(Session& session, const std::string& schema, const std::string& projection,
                     const CatalogueTable& live);

}  // namespace rebuild_projection

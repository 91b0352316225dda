#pragma once

#include <cstdint>
#include <string>

#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Whether a projection writes the column, or it is in its key.
bool is_written(const TableLayout& layout, const std::string& column);

enum class SideTable : std::uint8_t { logged, unlogged };

/// Makes a private table beside a projection's live one, which a rebuild can fill: it has the columns that the
/// projection writes, the key among them, and no others. Of these it has all that decides whether a row is accepted and
/// what it begins with: types, NOT NULL, defaults, checks, the key and every other unique or exclusion constraint that
/// has no further column. It has no foreign keys, triggers, other indexes, generated or identity columns.
///
/// `schema` may be "pg_temp". Runs in whatever transaction the session is in. Throws SqlError, with 42P07 where the
/// name is taken.
CatalogueTable make_side_table(Session& session, const CatalogueTable& live, const TableLayout& layout,
                               const std::string& schema, const std::string& name, SideTable kind = SideTable::logged);

/// Why a side table no longer is what make_side_table() would make of the live table as far as its rows go, as a
/// clause;
/// "" where it still is.
std::string side_table_mistake(const CatalogueTable& live, const TableLayout& layout, const CatalogueTable& side);

}  // namespace rebuild_projection

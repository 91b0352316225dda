#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A relation that a name leads to.
struct Relation {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  std::string role;  ///< the session's
  bool can_select = false;
  bool row_security = false;  ///< would filter rows for this role
};

/// Looks "table" (along the role's search_path) or "schema.table" up. Names are exact, not folded to lower case; a name
/// with a dot in it is tried as one name first.
std::optional<Relation> find_relation(Session& session, const std::string& name);
std::optional<Relation> find_relation(Session& session, std::uint32_t oid);

/// SQL of a number that changes when the catalogue says something else of a table, whose oid `oid` is as SQL, and of
/// its parts: their kinds, columns, defaults, checks, foreign keys from and to them, unique indexes, triggers, rules,
/// and whether row-level security hides rows. Neither rights nor what only makes a table faster or slower change it.
std::string fingerprint_sql(const std::string& oid);

/// The oids of a table and its parts, as an array.
std::string tree_of(const CatalogueTable& table);

/// What the catalogue says about a table; nullopt where there is none of that name, or that oid.
std::optional<CatalogueTable> read_table(Session& session, const std::string& name);
std::optional<CatalogueTable> read_table(Session& session, std::uint32_t oid);

}  // namespace rebuild_projection

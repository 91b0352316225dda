#pragma once

#include <optional>
#include <string>

#include "stages/postgres/catalogue.h"

/// When two values of a column are the same, in SQL. Numbers are compared by value (1.0 and 1.00 are the same), also
/// inside jsonb and in arrays of numeric; texts by their bytes, whatever the column's collation; everything that has no
/// equality of its own, or one that ignores what a reader sees (interval, json, xml, point), by its text. NULL is the
/// same as NULL and as nothing else.
namespace rebuild_projection {

/// Whether two values, given as SQL, are the same: a boolean, never NULL.
std::string same_sql(const CatalogueColumn& column, const std::string& left, const std::string& right);

/// Whether two values are told apart by a reader, who sees 1.0 and 1.00 as two: a boolean, never NULL. nullopt where
/// that takes more than comparing the values.
std::optional<std::string> unlike_sql(const CatalogueColumn& column, const std::string& left, const std::string& right);

/// A text that is the same for the same values and for no others, on any server; NULL for NULL. The session prints as
/// Session sets it.
std::string canonical_sql(const CatalogueColumn& column, const std::string& value);

}  // namespace rebuild_projection

#pragma once

#include <string>

namespace rebuild_projection::test {

// With REBUILD_PROJECTION_HOSTILE_NAMES in the environment the columns that the end-to-end tests speak of have other
// names in the database: those by which the program's own SQL may call something, and key words. One table says which,
// and it is applied to all that a test says to the database or the program. Without it, everything is returned as it
// is.

/// A column's name.
std::string hostile_name(const std::string& column);

/// SQL of a test: every word that is such a column's name, outside of quotes, is the other name in quotes. A word in
/// double quotes is left as it is, and so are the columns of the program's own tables.
std::string hostile_sql(const std::string& sql);

/// A projection or store file: keys of rules, columns of the store, SQL.
std::string hostile_file(const std::string& toml);

/// Whether columns have other names.
bool with_hostile_names();

}  // namespace rebuild_projection::test

#pragma once

#include <optional>
#include <string>

namespace rebuild_projection::test {

/// Connection strings of the two roles that tools/roles.sql makes.
struct RoleDsns {
  std::string target, source;
};

/// Where the environment has REBUILD_PROJECTION_AS_ROLES, the program and the library run as these roles instead of the
/// server's superuser: gives them their rights on what is in the database of `dsn` now, all but writing `event_store`,
/// and makes the schema of what the tool keeps.
/// nullopt where it has not, or where `dsn` says more than a database.
std::optional<RoleDsns> as_roles(const std::string& dsn, const std::string& meta_schema);

}  // namespace rebuild_projection::test

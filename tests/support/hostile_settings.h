#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rebuild_projection::test {

/// A setting that anybody may change for himself.
struct HostileSetting {
  const char* name;
  const char* value;                          ///< away from its default; nullptr: what it does shows nowhere
  std::optional<const char*> pinned_to = {};  ///< in every session of the program; nullopt: the role's stays
};

/// Every such setting of PostgreSQL 15 to 17. Those that end a run, as they say they do, are not among them:
/// statement_timeout, lock_timeout, default_transaction_read_only.
const std::vector<HostileSetting>& hostile_settings();

/// The names of all settings of a server.
using ServerSettings = std::set<std::string>;

/// SQL that gives them to every later session of the database that does not say otherwise, as far as the server knows
/// them.
std::string hostile_settings_of(const std::string& database, const ServerSettings& known);

/// With REBUILD_PROJECTION_HOSTILE_SETTINGS in the environment every test's database has them.
bool settings_are_hostile();

/// Options for a connection string that set what matters to the tests' own sessions as it is without them; "" where
/// settings_are_hostile() is not.
std::string usual_settings(const ServerSettings& known);

}  // namespace rebuild_projection::test

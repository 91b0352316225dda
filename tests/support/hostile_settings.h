#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/support/database.h"

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

/// Gives them to every later session of the database that does not say otherwise, as far as the server knows them.
void make_hostile(Database& database);

}  // namespace rebuild_projection::test

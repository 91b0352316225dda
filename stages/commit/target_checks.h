#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// What a run would do to a table.
struct TargetUse {
  std::string where;  ///< "file:line: ", for messages
  const CatalogueTable* table = nullptr;
  std::string role;
  bool truncate = false;
  bool reads_only = false;                     ///< VERIFY
  bool publishes = false;                      ///< a shadow, so that rows are not cleared
  std::vector<std::uint32_t> store_relations;  ///< oids; empty where the store lies in another database
};

/// Every reason why the table cannot be rebuilt, a sentence each, beginning with `where`. Nothing is written.
std::vector<std::string> check_target(const TargetUse& use);

/// Who is rebuilding tables of this database now, by the tables' oids.
struct LockHolder {
  std::string table;  ///< "schema.table", quoted where SQL needs it
  std::string who;
};
std::map<std::uint32_t, LockHolder> lock_holders(Session& session);

/// Takes the advisory lock of a table for the session's life: one rebuild at a time. Throws UsageError that says who
/// holds it.
void lock_target(Session& session, const CatalogueTable& table);

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/postgres/catalogue.h"

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

}  // namespace rebuild_projection

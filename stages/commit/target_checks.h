#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/table.h"
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

/// Why the server takes no statement about all columns of a projection, as the end of a sentence that begins with the
/// projection; "" where it does.
std::string width_problem(const TableLayout& layout);

}  // namespace rebuild_projection

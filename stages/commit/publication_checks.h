#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A live table that a projection's rows are published to. Both referred to outlive this.
struct PublishedTable {
  std::string projection;
  const TableLayout* layout = nullptr;
  const CatalogueTable* live = nullptr;
};

/// Every reason why publishing to `table`, one of `all` that are published together, could fail or do harm whatever the
/// rows are, a sentence each, beginning with `where`. `store_relations` are oids: no lock may be taken there.
std::vector<std::string> publish_mistakes(Session& session, const PublishedTable& table,
                                          const std::vector<PublishedTable>& all,
                                          const std::vector<std::uint32_t>& store_relations, const std::string& where);

}  // namespace rebuild_projection

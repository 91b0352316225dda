#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/projector.h"
#include "stages/apply/projection_file.h"
#include "tests/support/catalogue.h"

/// A table made by hand, as the catalogue would describe it.
namespace rebuild_projection::test {

inline CatalogueTable sample_table() {
  CatalogueTable table;
  table.schema = "app";
  table.name = "t";
  table.columns = {
      column("id", "text", 25, 'S'),
      column("small", "smallint", 21, 'N'),
      column("n", "bigint", 20, 'N'),
      column("m", "integer", 23, 'N'),
      column("amount", "numeric(10,2)", 1700, 'N', (10 << 16 | 2) + 4),
      column("rough", "numeric(5,-3)", 1700, 'N', (5 << 16 | (-3 & 0x7ff)) + 4),
      column("any_number", "numeric", 1700, 'N'),
      column("ratio", "double precision", 701, 'N'),
      column("flag", "boolean", 16, 'B'),
      column("uid", "uuid", 2950, 'U'),
      column("at", "timestamp with time zone", 1184, 'D'),
      column("local_at", "timestamp without time zone", 1114, 'D'),
      column("short_at", "timestamp(3) with time zone", 1184, 'D', 3),
      column("label", "text", 25, 'S'),
      column("word", "character varying(20)", 1043, 'S', 24),
      column("mood", "mood", 70001, 'E'),
      column("tags", "text[]", 1009, 'A'),
      column("doc", "jsonb", 3802, 'U'),
      column("fixed", "character(5)", 1042, 'S', 9),
      column("loose", "text", 25, 'S'),
      column("generated", "integer", 23, 'N'),
      column("numbered", "bigint", 20, 'N'),
      column("counted", "integer", 23, 'N'),
      column("null_default", "integer", 23, 'N'),
      column("price", "money_domain", 1700, 'N', (8 << 16 | 3) + 4),
  };
  for (CatalogueColumn& one : table.columns) {
    one.deterministic_collation = one.name != "loose";
    one.generated = one.name == "generated";
    one.identity = one.name == "numbered";
    one.is_domain = one.name == "price";
    if (one.name == "counted") one.default_expression = "0";
    if (one.name == "null_default") one.default_expression = "NULL::integer";
    table.indexes.push_back({one.name + "_key", {one.name}, true, false, true, true});
  }
  return table;
}

/// The projector of a file that has no mistake.
inline std::unique_ptr<Projector> bind_text(const std::string& toml, const CatalogueTable& table = sample_table()) {
  std::vector<std::string> mistakes;
  const auto files = read_projection_text("p.toml", toml, mistakes);
  auto projector = files.empty() ? nullptr : files[0].bind(table, mistakes);
  if (projector == nullptr) throw std::logic_error(toml + ::testing::PrintToString(mistakes));
  return projector;
}

}  // namespace rebuild_projection::test

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "stages/postgres/catalogue.h"

/// Tables made by hand, as the catalogue would describe them.
namespace rebuild_projection::test {

inline CatalogueColumn column(const std::string& name, const std::string& type, std::uint32_t oid, char category,
                              std::int32_t type_modifier = -1) {
  CatalogueColumn result;
  result.name = name;
  result.type = type;
  result.base_type = "pg_catalog." + type;
  result.base_oid = oid;
  result.category = category;
  result.type_modifier = type_modifier;
  return result;
}
inline CatalogueColumn bigint_column(const std::string& name) {
  return column(name, "bigint", 20, 'N');
}
inline CatalogueColumn numeric_column(const std::string& name) {
  return column(name, "numeric", 1700, 'N');
}
inline CatalogueColumn text_column(const std::string& name) {
  return column(name, "text", 25, 'S');
}
inline CatalogueColumn timestamptz_column(const std::string& name) {
  return column(name, "timestamp with time zone", 1184, 'D');
}
inline CatalogueColumn uuid_column(const std::string& name) {
  return column(name, "uuid", 2950, 'U');
}

/// Its first column is its key.
inline CatalogueTable keyed_table(const std::string& name, std::vector<CatalogueColumn> columns) {
  CatalogueTable table;
  table.schema = "public";
  table.name = name;
  table.columns = std::move(columns);
  CatalogueIndex key;
  key.columns = {table.columns.front().name};
  key.unique = true;
  table.indexes.push_back(key);
  return table;
}

}  // namespace rebuild_projection::test

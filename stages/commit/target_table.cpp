#include "stages/commit/target_table.h"

#include "stages/postgres/session.h"

namespace rebuild_projection {

TargetTable::TargetTable(const TableLayout& layout, const CatalogueTable& catalogue)
    : name(quote_name(catalogue.schema, catalogue.name)), plain_name(catalogue.name) {
  for (const Column& column : layout.key) key.push_back(catalogue.find(column.name));
  for (const Column& column : layout.columns) {
    const auto combining = column.operations.combining();
    columns.push_back({&column, catalogue.find(column.name), combining.has_value(), combining == Operation::append});
  }
}

std::string TargetTable::key_condition() const {
  std::string result;
  for (std::size_t part = 0; part < key.size(); ++part)
    result += (part == 0 ? "t." : " AND t.") + quote_name(key[part]->name) + " = " + source('k', part) +
              "::" + key[part]->base_type;
  return result;
}

std::string initial_sql(const CatalogueColumn& column) {
  const std::string& type = column.category == 'N' ? column.sized_type : column.base_type;
  return (column.default_expression ? "(" + *column.default_expression + ")" : "NULL") + "::" + type;
}

std::string array_name(char kind, std::size_t column) {
  return kind + std::to_string(column);
}

std::string source(char kind, std::size_t column) {
  return "d." + array_name(kind, column);
}

}  // namespace rebuild_projection

#include "stages/commit/unwritten_columns.h"

#include "stages/commit/side_table.h"

namespace rebuild_projection {

namespace {

/// Whether a row's value is not the one that a new row gets. By text, since not every type has an equality, and a
/// person tells 1.0 from 1.00.
std::string is_lost(const CatalogueColumn& column) {
  if (column.identity || (column.default_expression && !column.constant_default)) return "true";
  const std::string value = "(r." + quote_name(column.name) + ")";
  if (!column.default_expression) return value + " IS DISTINCT FROM NULL";
  return value + "::text COLLATE \"C\" IS DISTINCT FROM ((" + *column.default_expression + ")::" + column.sized_type +
         ")::text COLLATE \"C\"";
}

}  // namespace

std::vector<std::string> columns_lost_with(Session& session, const SomeRows& rows, const TableLayout& layout,
                                           const CatalogueTable& table) {
  std::vector<std::string> names;
  std::string questions;
  for (const CatalogueColumn& column : table.columns) {
    if (column.generated || is_written(layout, column.name)) continue;
    names.push_back(column.name);
    questions += (questions.empty() ? "" : ", ") + ("coalesce(bool_or(" + is_lost(column) + "), false)");
  }
  if (names.empty()) return {};
  const Rows answers =
      session.execute(rows.with + "SELECT " + questions + " FROM " + quote_name(table.schema, table.name) + " AS r" +
                      (rows.condition.empty() ? "" : " WHERE " + rows.condition));
  std::vector<std::string> lost;
  for (std::size_t column = 0; column < names.size(); ++column)
    if (answers.boolean(0, column)) lost.push_back(names[column]);
  return lost;
}

}  // namespace rebuild_projection

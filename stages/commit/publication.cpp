#include "stages/commit/publication.h"

#include <cstdint>
#include <vector>

#include "stages/commit/column_equality.h"

namespace rebuild_projection {

namespace {

/// "l.a = s.a AND …"
std::string same_key(const Replacement& table) {
  std::string sql;
  for (const std::string& part : table.key)
    sql += (sql.empty() ? "l." : " AND l.") + quote_name(part) + " = s." + quote_name(part);
  return sql;
}

/// Whether rows of one key, l and s, differ.
std::string differ(const Replacement& table, const TableLayout& layout) {
  std::vector<std::string> compared;
  for (const Column& column : layout.columns) compared.push_back(column.name);
  // A key that is equal may yet be spelt otherwise, as 1.0 and 1.00 are.
  constexpr std::uint32_t numeric = 1700;
  for (const std::string& part : table.key)
    if (table.live->find(part)->base_oid == numeric) compared.push_back(part);

  std::string sql = "false", live, shadow;
  for (const std::string& column : compared) {
    const std::string here = "l." + quote_name(column), there = "s." + quote_name(column);
    if (const auto unlike = unlike_sql(*table.live->find(column), here, there)) {
      sql += " OR " + *unlike;
      continue;
    }
    live += (live.empty() ? "" : ", ") + here;
    shadow += (shadow.empty() ? "" : ", ") + there;
  }
  // By their bytes, as records, which takes longer. Two rows as such would be compared column by column.
  return live.empty() ? sql
                      : sql + " OR ROW(" + live + ")::record OPERATOR(pg_catalog.*<>) ROW(" + shadow + ")::record";
}

}  // namespace

Replacement find_difference(Session& session, const std::string& schema, const ShadowedTable& table) {
  Replacement result;
  result.live = table.live;
  for (const Column& column : table.layout->key) result.key.push_back(column.name);
  result.columns = result.key;
  for (const Column& column : table.layout->columns) result.columns.push_back(column.name);
  result.rows = quote_name(table.shadow->schema, table.shadow->name);
  const std::string live = quote_name(table.live->schema, table.live->name);

  // PostgreSQL 15 has no parallel FULL JOIN. That few rows come out is more than the planner knows, and without it
  // there would be no parallel join either.
  session.execute("SET LOCAL work_mem = '64MB'; SET LOCAL parallel_tuple_cost = 0");
  const std::uint64_t found = note_places(session, schema,
                                          "SELECT l.tableoid AS live_part, l.ctid AS live_at, s.ctid AS row_at FROM " +
                                              result.rows + " AS s LEFT JOIN " + live + " AS l ON " + same_key(result) +
                                              " WHERE l.ctid IS NULL OR " + differ(result, *table.layout),
                                          result);
  const Rows rows = session.execute("SELECT (SELECT count(*) FROM " + live + "), (SELECT count(*) FROM " + result.rows +
                                    "), (SELECT count(*) FROM " + result.places + " AS d WHERE d.live_at IS NULL)");
  const std::uint64_t live_rows = rows.number(0, 0), shadow_rows = rows.number(0, 1);
  Publication& counts = result.counts;
  counts.inserted = rows.number(0, 2);
  counts.updated = found - counts.inserted;
  counts.equal = shadow_rows - found;
  if (live_rows > shadow_rows - counts.inserted)
    counts.deleted =
        session
            .execute("INSERT INTO " + result.places + " SELECT l.tableoid, l.ctid, NULL, false FROM " + live +
                     " AS l WHERE NOT EXISTS (SELECT FROM " + result.rows + " AS s WHERE " + same_key(result) + ")")
            .affected();
  session.execute("ANALYZE " + result.places);
  return result;
}

}  // namespace rebuild_projection

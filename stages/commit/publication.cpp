#include "stages/commit/publication.h"

#include <algorithm>

#include "stages/commit/column_equality.h"
#include "stages/postgres/lasting_session.h"

namespace rebuild_projection {

namespace {

std::string name_of(const CatalogueTable& table) {
  return quote_name(table.schema, table.name);
}

std::string array_of(const std::vector<std::string>& names) {
  ArrayText array;
  for (const std::string& name : names) array.add(name);
  return array.take();
}

/// The oids of the table and its parts.
std::string tree_of(const CatalogueTable& table) {
  std::vector<std::string> oids;
  for (const std::uint32_t oid : table.tree) oids.push_back(std::to_string(oid));
  return array_of(oids);
}

/// The columns of a projection, as a statement over the live table, l, and its shadow, s, needs them.
class Columns {
 public:
  Columns(const TableLayout& layout, const CatalogueTable& live) : live_(live) {
    for (const Column& column : layout.key) key.push_back(column.name);
    for (const Column& column : layout.columns) written.push_back(column.name);
    // A key that is equal may yet be spelt otherwise, as 1.0 and 1.00 are.
    constexpr std::uint32_t numeric = 1700;
    compared = written;
    for (const std::string& part : key)
      if (live.find(part)->base_oid == numeric) compared.push_back(part);
  }

  [[nodiscard]] std::string same_key() const {
    std::string sql;
    for (const std::string& part : key)
      sql += (sql.empty() ? "l." : " AND l.") + quote_name(part) + " = s." + quote_name(part);
    return sql;
  }
  [[nodiscard]] std::string differ() const {
    std::string sql = "false";
    std::vector<std::string> rest;
    for (const std::string& column : compared)
      if (const auto unlike = unlike_sql(*live_.find(column), "l." + quote_name(column), "s." + quote_name(column)))
        sql += " OR " + *unlike;
      else
        rest.push_back(column);
    // By their bytes, as records, which takes longer. Two rows as such would be compared column by column.
    if (!rest.empty())
      sql += " OR ROW(" + listed("l.", rest) + ")::record OPERATOR(pg_catalog.*<>) ROW(" + listed("s.", rest) +
             ")::record";
    return sql;
  }
  /// Neither the projection's nor generated: what a row that is replaced takes along.
  [[nodiscard]] std::vector<std::string> others() const {
    std::vector<std::string> result;
    for (const CatalogueColumn& column : live_.columns)
      if (!column.generated && std::ranges::find(key, column.name) == key.end() &&
          std::ranges::find(written, column.name) == written.end())
        result.push_back(column.name);
    return result;
  }
  [[nodiscard]] std::vector<std::string> own() const {
    std::vector<std::string> result = key;
    result.insert(result.end(), written.begin(), written.end());
    return result;
  }
  static std::string listed(const std::string& prefix, const std::vector<std::string>& columns) {
    std::string sql;
    for (const std::string& column : columns) sql += (sql.empty() ? "" : ", ") + prefix + quote_name(column);
    return sql;
  }

  std::vector<std::string> key, written, compared;

 private:
  const CatalogueTable& live_;
};

/// Whether an UPDATE of many rows could meet, half way, a value that another of them is yet to give up.
bool has_other_unique(Session& session, const TableLayout& layout, const CatalogueTable& live) {
  return session
      .execute(
          "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = ANY ($1::oid[]) AND (i.indisunique OR "
          "i.indisexclusion)"
          " AND i.indimmediate AND (i.indexprs IS NOT NULL OR EXISTS (SELECT FROM pg_attribute a WHERE"
          "  a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname <> ALL ($2::text[]))))",
          {tree_of(live), array_of(Columns(layout, live).key)})
      .boolean(0, 0);
}

/// Live and shadow rows beside each other, of those that differ; behind FROM or USING, for a statement on the live
/// table.
std::string differing(const ShadowedTable& table) {
  return table.difference + " AS d JOIN " + name_of(*table.shadow) + " AS s ON s.ctid = d.shadow_at WHERE " +
         is_live_row;
}

std::uint64_t update(Session& session, const Columns& columns, const ShadowedTable& table) {
  std::string assignments;
  for (const std::string& column : columns.compared)
    assignments += (assignments.empty() ? "" : ", ") + quote_name(column) + " = s." + quote_name(column);
  return session.execute("UPDATE " + name_of(*table.live) + " AS l SET " + assignments + " FROM " + differing(table))
      .affected();
}

/// The same where rows may hand unique values to one another: the sort takes all that was deleted before the first row
/// is inserted, and uniqueness does not ask for what the transaction itself has deleted.
std::uint64_t replace(Session& session, const Columns& columns, const ShadowedTable& table) {
  const std::string live = name_of(*table.live);
  const std::vector<std::string> own = columns.own(), others = columns.others();
  const std::string taken_along = others.empty() ? "" : ", " + Columns::listed("l.", others);
  const std::string all = Columns::listed("", own) + (others.empty() ? "" : ", " + Columns::listed("", others));
  return session
      .execute("WITH gone AS (DELETE FROM " + live + " AS l USING " + differing(table) + " RETURNING " +
               Columns::listed("s.", own) + taken_along + ") INSERT INTO " + live + " (" + all +
               ") OVERRIDING SYSTEM VALUE SELECT " + all + " FROM gone ORDER BY " + Columns::listed("", columns.key))
      .affected();
}

std::uint64_t delete_rows(Session& session, const ShadowedTable& table) {
  return session
      .execute("DELETE FROM " + name_of(*table.live) + " AS l USING " + table.difference +
               " AS d WHERE d.shadow_at IS NULL AND " + is_live_row)
      .affected();
}

std::uint64_t insert_rows(Session& session, const Columns& columns, const ShadowedTable& table) {
  const std::vector<std::string> own = columns.own();
  return session
      .execute("INSERT INTO " + name_of(*table.live) + " (" + Columns::listed("", own) +
               ") OVERRIDING SYSTEM VALUE SELECT " + Columns::listed("s.", own) + " FROM " + table.difference +
               " AS d JOIN " + name_of(*table.shadow) + " AS s ON s.ctid = d.shadow_at WHERE d.live_at IS NULL")
      .affected();
}

/// All but the rows that go; where new rows may need unique values of those, they go first. Whether some are still to
/// go.
bool write_rows(Session& session, const ShadowedTable& table, Publication& done) {
  const Columns columns(*table.layout, *table.live);
  bool unique = false;
  if (table.differences > 0) {
    unique = has_other_unique(session, *table.layout, *table.live);
    if (unique) done.deleted = delete_rows(session, table);
    if (!columns.compared.empty())
      done.updated = unique ? replace(session, columns, table) : update(session, columns, table);
    done.inserted = insert_rows(session, columns, table);
  }
  done.equal = table.shadow_rows - done.inserted - done.updated;
  return table.differences > 0 && !unique;
}

/// Tables before those that refer to them by foreign keys, as far as they do not go round in a circle.
std::vector<std::size_t> referred_to_first(const std::vector<ShadowedTable>& tables) {
  std::vector<std::size_t> order;
  std::vector<bool> placed(tables.size());
  const auto waits = [&](std::size_t index) {
    for (std::size_t other = 0; other < tables.size(); ++other)
      if (other != index && !placed[other] &&
          std::ranges::count(tables[index].live->outgoing_foreign_keys, tables[other].live->oid) > 0)
        return true;
    return false;
  };
  while (order.size() < tables.size()) {
    const std::size_t before = order.size();
    for (std::size_t index = 0; index < tables.size(); ++index)
      if (!placed[index] && !waits(index)) {
        order.push_back(index);
        placed[index] = true;
      }
    if (order.size() > before) continue;
    const auto next = static_cast<std::size_t>(std::ranges::find(placed, false) - placed.begin());
    order.push_back(next);
    placed[next] = true;
  }
  return order;
}

std::string holders(Session& session, const std::vector<const CatalogueTable*>& tables) {
  std::vector<std::string> oids;
  for (const CatalogueTable* table : tables)
    for (const std::uint32_t oid : table->tree) oids.push_back(std::to_string(oid));
  const Rows rows = session.execute(
      "SELECT string_agg(DISTINCT 'server process ' || l.pid, ', ') FROM pg_locks l WHERE l.locktype = 'relation' AND"
      " l.relation = ANY ($1::oid[]) AND l.granted AND l.pid <> pg_backend_pid() AND l.database = (SELECT oid FROM"
      " pg_database WHERE datname = current_database()) AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')",
      {array_of(oids)});
  return rows.is_null(0, 0) ? "a session that has ended since" : std::string(rows.text(0, 0));
}

}  // namespace

void lock_against_writers(Session& session, const std::vector<const CatalogueTable*>& tables) {
  std::vector<const CatalogueTable*> in_order = tables;  // that of every other run that publishes
  std::ranges::sort(in_order, {}, &CatalogueTable::oid);
  std::string names;
  for (const CatalogueTable* table : in_order) names += (names.empty() ? "" : ", ") + name_of(*table);
  session.execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL idle_in_transaction_session_timeout = '10s'");
  try {
    session.execute("LOCK TABLE " + names + " IN SHARE ROW EXCLUSIVE MODE");
  } catch (const SqlError& error) {
    if (error.sqlstate != "55P03") throw;
    session.execute("ROLLBACK");
    throw TryAgain("writers could not be kept out of " + names + " within half a second, because of " +
                   holders(session, tables));
  }
  session.execute("SET LOCAL lock_timeout = 0");
}

void find_difference(Session& session, const std::string& schema, ShadowedTable& table) {
  const Columns columns(*table.layout, *table.live);
  const std::string live = name_of(*table.live), shadow = name_of(*table.shadow);
  table.difference = quote_name(schema, "difference_" + std::to_string(table.live->oid));
  // PostgreSQL 15 has no parallel FULL JOIN. That few rows come out is more than the planner knows, and without it
  // there would be no parallel join either.
  session.execute("SET LOCAL work_mem = '64MB'; SET LOCAL parallel_tuple_cost = 0");
  table.differences = session
                          .execute("CREATE UNLOGGED TABLE " + table.difference +
                                   " AS SELECT l.tableoid AS live_part, l.ctid AS live_at, s.ctid AS shadow_at FROM " +
                                   shadow + " AS s LEFT JOIN " + live + " AS l ON " + columns.same_key() +
                                   " WHERE l.ctid IS NULL OR " + columns.differ())
                          .affected();
  const Rows counts = session.execute("SELECT (SELECT count(*) FROM " + live + "), (SELECT count(*) FROM " + shadow +
                                      "), (SELECT count(*) FROM " + table.difference + " WHERE live_at IS NULL)");
  const std::uint64_t live_rows = counts.number(0, 0), new_rows = counts.number(0, 2);
  table.shadow_rows = counts.number(0, 1);
  if (live_rows > table.shadow_rows - new_rows)
    table.differences +=
        session
            .execute("INSERT INTO " + table.difference + " SELECT l.tableoid, l.ctid, NULL FROM " + live +
                     " AS l WHERE NOT EXISTS (SELECT FROM " + shadow + " AS s WHERE " + columns.same_key() + ")")
            .affected();
  session.execute("ANALYZE " + table.difference);
}

std::vector<Publication> publish(Session& session, const std::vector<ShadowedTable>& tables) {
  session.execute("SET CONSTRAINTS ALL DEFERRED");
  std::vector<Publication> done(tables.size());
  const std::vector<std::size_t> order = referred_to_first(tables);
  std::vector<bool> rows_to_go(tables.size());
  for (const std::size_t index : order) rows_to_go[index] = write_rows(session, tables[index], done[index]);
  for (auto index = order.rbegin(); index != order.rend(); ++index)
    if (rows_to_go[*index]) done[*index].deleted = delete_rows(session, tables[*index]);
  session.execute("SET CONSTRAINTS ALL IMMEDIATE");
  for (const ShadowedTable& table : tables) session.execute("DROP TABLE " + table.difference);
  return done;
}

std::vector<std::string> publish_mistakes(Session& session, const TableLayout& layout, const CatalogueTable& live,
                                          const std::string& where) {
  std::vector<std::string> mistakes;
  const std::string name = live.schema + "." + live.name;
  const Columns columns(layout, live);
  for (const std::string& other : columns.others()) {
    const CatalogueColumn& column = *live.find(other);
    if (column.not_null && !column.default_expression && !column.identity)
      mistakes.push_back(where + name + " has the column " + other +
                         ", which may not be NULL, has no default, and is not written by the projection, so no new row "
                         "could be published; give it a default");
  }
  // 'a' NO ACTION, 'r' RESTRICT
  const bool hands_on = has_other_unique(session, layout, live);
  const Rows keys = session.execute(
      "SELECT conname || ' of table ' || conrelid::regclass, confdeltype IN ('a', 'r') AND (confupdtype IN ('a', 'r') "
      "OR"
      " NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = confrelid AND a.attnum = ANY (confkey)"
      "   AND a.attname <> ALL ($2::text[]))), confdeltype = 'r'"
      " FROM pg_constraint f WHERE contype = 'f' AND confrelid = ANY ($1::oid[]) AND NOT EXISTS (SELECT FROM"
      "  pg_constraint above WHERE above.oid = f.conparentid AND above.confrelid = ANY ($1::oid[])) ORDER BY conname",
      {tree_of(live), array_of(columns.key)});
  for (std::size_t row = 0; row < keys.size(); ++row) {
    const std::string key(keys.text(row, 0));
    if (!keys.boolean(row, 1))
      mistakes.push_back(where + name + " is referred to by the foreign key " + key +
                         ", which would change or delete the rows there when publishing deletes rows here; make it NO "
                         "ACTION");
    else if (hands_on && keys.boolean(row, 2))
      mistakes.push_back(where + name + " is referred to by the foreign key " + key +
                         ", which is RESTRICT, and has unique columns besides its key, whose rows publishing replaces; "
                         "make it NO ACTION");
  }
  return mistakes;
}

}  // namespace rebuild_projection

#include "stages/commit/replacement.h"

#include <algorithm>
#include <cstdint>

#include "stages/commit/making_way.h"
#include "stages/postgres/catalogue_query.h"

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

/// `row` is an alias with its dot, or nothing.
std::string listed(const std::string& row, const std::vector<std::string>& columns) {
  std::string sql;
  for (const std::string& column : columns) sql += (sql.empty() ? "" : ", ") + row + quote_name(column);
  return sql;
}

/// What `rows` has not, and the server does not compute: it stays with its row.
std::vector<std::string> other_columns(const Replacement& table) {
  std::vector<std::string> result;
  for (const CatalogueColumn& column : table.live->columns)
    if (!column.generated && std::ranges::find(table.columns, column.name) == table.columns.end())
      result.push_back(column.name);
  return result;
}

/// "a = s.a, b = s.b". A number that the server alone draws is that of its row.
std::string assignments(const Replacement& table) {
  std::string sql;
  for (const std::string& column : table.columns)
    if (!table.live->find(column)->identity_always)
      sql += (sql.empty() ? "" : ", ") + quote_name(column) + " = s." + quote_name(column);
  return sql;
}

std::string defaults(const Replacement& table) {
  std::string sql;
  for (const std::string& column : other_columns(table))
    if (!table.live->find(column)->identity_always) sql += ", " + quote_name(column) + " = DEFAULT";
  return sql;
}

/// The columns of the live table that others refer to by a foreign key whose action is another than NO ACTION: it acts
/// on a row that is deleted, even if the same statement inserts it again. A list for each foreign key.
std::vector<std::vector<std::string>> watched_columns(Session& session, const CatalogueTable& live) {
  const Rows rows = session.execute(
      "SELECT c.oid, a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = ANY"
      " (c.confkey) WHERE c.contype = 'f' AND c.confdeltype <> 'a' AND c.confrelid = ANY ($1::oid[]) ORDER BY c.oid,"
      " a.attnum",
      {tree_of(live)});
  std::vector<std::vector<std::string>> result;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row == 0 || rows.text(row, 0) != rows.text(row - 1, 0)) result.emplace_back();
    result.back().emplace_back(rows.text(row, 1));
  }
  return result;
}

/// Whether a foreign key does not let a value go that another row is yet to take: ON UPDATE RESTRICT.
bool restricts_updates(Session& session, const Replacement& table) {
  return session
      .execute(
          "SELECT EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.confupdtype = 'r' AND c.confrelid ="
          " ANY ($1::oid[]))",
          {tree_of(*table.live)})
      .boolean(0, 0);
}

bool all_in(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return std::ranges::all_of(some, [&](const auto& one) { return std::ranges::find(all, one) != all.end(); });
}

/// A row that goes and one that comes may be the same to those who refer to it: these columns need not be the
/// projection's key. Such a row is changed into the one that comes. How many there are.
std::uint64_t pair_rows(Session& session, const Replacement& table, const std::vector<std::string>& columns) {
  if (all_in(table.key, columns) || !all_in(columns, table.columns)) return 0;
  const std::string here = "ROW(" + listed("l.", columns) + ")", there = "ROW(" + listed("s.", columns) + ")";
  return session
      .execute("WITH pairs AS (SELECT d.live_part, d.live_at, e.row_at FROM " + table.places + " AS d JOIN " +
               name_of(*table.live) + " AS l ON " + is_live_row + " CROSS JOIN " + table.places + " AS e JOIN " +
               table.rows + " AS s ON s.ctid = e.row_at WHERE d.row_at IS NULL AND e.live_at IS NULL AND " + here +
               "::record OPERATOR(pg_catalog.*=) " + there + "::record AND " + there +
               " IS NOT NULL), paired AS (DELETE FROM " + table.places +
               " AS d USING pairs AS p WHERE d.live_at IS NULL AND d.row_at = p.row_at) UPDATE " + table.places +
               " AS d SET row_at = p.row_at, is_paired = true FROM pairs AS p WHERE d.live_part = p.live_part AND"
               " d.live_at = p.live_at")
      .affected();
}

/// How a table's rows change.
struct Way {
  enum class Of : std::uint8_t { update, replace, make_way_and_update } of = Of::update;
  bool watched = false;
  std::uint64_t pairs = 0;
};

Way way_of(Session& session, const Replacement& table) {
  Way way;
  for (const auto& columns : watched_columns(session, *table.live)) {
    way.watched = true;
    if (table.counts.deleted > 0 && table.counts.inserted > 0) way.pairs += pair_rows(session, table, columns);
  }
  return way;
}

/// The parts of one WITH: rows go, then rows change, then rows come. Uniqueness does not ask for what the transaction
/// itself has deleted, and each step waits for the count of the one before.
class Statement {
 public:
  void add(const Replacement& table, const Way& way) {
    const std::string live = name_of(*table.live), number = std::to_string(++tables_);
    const std::string both = table.places + " AS d JOIN " + table.rows + " AS s ON s.ctid = d.row_at WHERE ";
    const std::string change = "UPDATE " + live + " AS l SET " + assignments(table);
    const Publication& counts = table.counts;
    if (counts.deleted > 0)
      go_.add("gone_" + number, "DELETE FROM " + live + " AS l USING " + table.places +
                                    " AS d WHERE d.row_at IS NULL AND " + is_live_row + " RETURNING 1");
    if (way.of == Way::Of::replace && counts.updated > 0) {
      const std::vector<std::string> others = other_columns(table);
      const std::string taken_along = others.empty() ? "" : ", ";
      go_.add("replaced_" + number, "DELETE FROM " + live + " AS l USING " + both + is_live_row + " RETURNING " +
                                        listed("s.", table.columns) + taken_along + listed("l.", others));
      come_.add("back_" + number, insert(live, listed("", table.columns) + taken_along + listed("", others),
                                         listed("r.", table.columns) + taken_along + listed("r.", others) +
                                             " FROM replaced_" + number + " AS r WHERE " + Step::done("all_changed")));
    } else {
      const std::string then = is_live_row + std::string(" AND ") + Step::done("all_gone") + " RETURNING 1";
      if (counts.updated > 0)
        change_.add("changed_" + number, change + " FROM " + both + "NOT d.is_paired AND " + then);
      if (way.pairs > 0)
        change_.add("paired_" + number, change + defaults(table) + " FROM " + both + "d.is_paired AND " + then);
    }
    if (counts.inserted > 0)
      come_.add("new_" + number, insert(live, listed("", table.columns),
                                        listed("s.", table.columns) + " FROM " + both + "d.live_at IS NULL AND " +
                                            Step::done("all_changed")));
  }

  void execute(Session& session) const {
    session.execute("WITH " + go_.sql + "all_gone AS MATERIALIZED (SELECT " + go_.count + " AS rows), " + change_.sql +
                    "all_changed AS MATERIALIZED (SELECT " + change_.count + " AS rows" + " WHERE " +
                    Step::done("all_gone") + ")" + come_.sql_behind() + " SELECT FROM all_changed");
  }

 private:
  struct Step {
    std::string sql, count = "0";
    void add(const std::string& name, const std::string& statement) {
      sql += name + " AS (" + statement + "), ";
      count += " + (SELECT count(*) FROM " + name + ")";
    }
    static std::string done(const std::string& step) { return "(SELECT w.rows FROM " + step + " AS w) >= 0"; }
    [[nodiscard]] std::string sql_behind() const { return sql.empty() ? "" : ", " + sql.substr(0, sql.size() - 2); }
  };
  static std::string insert(const std::string& live, const std::string& columns, const std::string& select) {
    return "INSERT INTO " + live + " (" + columns + ") OVERRIDING SYSTEM VALUE SELECT " + select;
  }

  Step go_, change_, come_;
  std::size_t tables_ = 0;
};

void write(Session& session, const std::vector<Replacement>& tables, const std::vector<Way>& ways) {
  Statement statement;
  for (std::size_t index = 0; index < tables.size(); ++index) {
    if (ways[index].of == Way::Of::make_way_and_update) make_way(session, tables[index]);
    statement.add(tables[index], ways[index]);
  }
  statement.execute(session);
}

}  // namespace

std::uint64_t note_places(Session& session, const std::string& schema, const std::string& query, Replacement& table) {
  table.places = quote_name(schema, "difference_" + std::to_string(table.live->oid));
  return session
      .execute("CREATE UNLOGGED TABLE " + table.places + " AS SELECT q.*, false AS is_paired FROM (" + query + ") AS q")
      .affected();
}

bool hands_on_values(Session& session, const Replacement& table) {
  return session
      .execute(
          "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = ANY ($1::oid[]) AND (i.indisunique OR"
          "  i.indisexclusion) AND i.indimmediate AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR EXISTS "
          "(SELECT"
          "  FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname <> ALL"
          "  ($2::text[]))))",
          {tree_of(*table.live), array_of(table.key)})
      .boolean(0, 0);
}

void replace_rows(Session& session, const std::vector<Replacement>& tables) {
  session.execute("SET CONSTRAINTS ALL DEFERRED");
  std::vector<Way> ways;
  for (const Replacement& table : tables) ways.push_back(way_of(session, table));
  session.execute("SAVEPOINT replacement");
  try {
    write(session, tables, ways);
  } catch (const SqlError& error) {
    constexpr const char *unique_violation = "23505", *exclusion_violation = "23P01", *foreign_key_violation = "23503",
                         *restrict_violation = "23001";
    const bool is_referred_to = error.sqlstate == foreign_key_violation || error.sqlstate == restrict_violation;
    if (error.sqlstate != unique_violation && error.sqlstate != exclusion_violation && !is_referred_to) throw;
    session.execute("ROLLBACK TO SAVEPOINT replacement");
    for (std::size_t index = 0; index < tables.size(); ++index)
      if (is_referred_to ? restricts_updates(session, tables[index]) && !ways[index].watched
                         : hands_on_values(session, tables[index]))
        ways[index].of = ways[index].watched ? Way::Of::make_way_and_update : Way::Of::replace;
    if (std::ranges::all_of(ways, [](const Way& way) { return way.of == Way::Of::update; })) throw;
    write(session, tables, ways);
  }
  session.execute("RELEASE SAVEPOINT replacement; SET CONSTRAINTS ALL IMMEDIATE");
  for (const Replacement& table : tables) session.execute("DROP TABLE " + table.places);
}

}  // namespace rebuild_projection

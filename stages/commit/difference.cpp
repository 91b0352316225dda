#include "stages/commit/difference.h"

#include <algorithm>
#include <utility>

#include "pipeline/joined.h"
#include "stages/commit/column_equality.h"

namespace rebuild_projection {

namespace {

/// Rows that are fetched at once.
constexpr const char* fetch_rows = "100";

std::string alias(char kind, std::size_t column) {
  return kind + std::to_string(column);
}

/// Keys are of types whose equality is that of their bytes or of numbers; a text has two collations in two tables.
std::string comparable(const CatalogueColumn& column, const std::string& value) {
  return column.category == 'S' ? value + " COLLATE \"C\"" : value;
}

}  // namespace

Difference::Difference(const TableLayout& layout, const CatalogueTable& live, std::string expected)
    : live_name_(quote_name(live.schema, live.name)), expected_(std::move(expected)) {
  for (const Column& column : layout.key) key_.push_back(live.find(column.name));
  for (const Column& column : layout.columns) columns_.push_back(live.find(column.name));
}

std::string Difference::side(const std::string& table) const {
  std::string sql = "(SELECT true AS there";
  const auto select = [&](char kind, const std::vector<const CatalogueColumn*>& columns) {
    for (std::size_t column = 0; column < columns.size(); ++column)
      sql += ", t." + quote_name(columns[column]->name) + " AS " + alias(kind, column);
  };
  select('k', key_);
  select('c', columns_);
  sql += " FROM " + table + " AS t";
  for (std::size_t part = 0; part < only_.size(); ++part)
    sql += (part == 0 ? " WHERE t." : " AND t.") + quote_name(key_[part]->name) + " = " + literal(only_[part]) +
           "::" + key_[part]->base_type;
  return sql + ")";
}

std::string Difference::joined_sides() const {
  std::string sql = side(live_name_) + " AS l FULL JOIN " + side(expected_) + " AS e ON ";
  for (std::size_t part = 0; part < key_.size(); ++part)
    sql += (part == 0 ? "" : " AND ") + comparable(*key_[part], "l." + alias('k', part)) + " = " +
           comparable(*key_[part], "e." + alias('k', part));
  return sql;
}

std::string Difference::differs(std::size_t column) const {
  const std::string name = alias('c', column);
  return "(l.there AND e.there AND NOT " + same_sql(*columns_[column], "l." + name, "e." + name) + ")";
}

std::string Difference::any_differs() const {
  std::string sql = "(false";
  for (std::size_t column = 0; column < columns_.size(); ++column) sql += " OR " + differs(column);
  return sql + ")";
}

Comparison Difference::count(Session& session) const {
  // OFFSET 0 has the join itself compare: what it handed on could else be twice the columns that a row may have.
  std::string sql =
      "SELECT count(j.expected), count(j.live), count(*) FILTER (WHERE j.live IS NULL),"
      " count(*) FILTER (WHERE j.expected IS NULL), count(*) FILTER (WHERE false";
  std::string each, compared = " FROM (SELECT e.there AS expected, l.there AS live";
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const std::string name = alias('d', column);
    sql += " OR j." + name;
    each += ", count(*) FILTER (WHERE j." + name + ")";
    compared += ", " + differs(column) + " AS " + name;
  }
  const Rows rows = session.execute(sql + ")" + each + compared + " FROM " + joined_sides() + " OFFSET 0) AS j");

  Comparison result;
  for (const CatalogueColumn* part : key_) result.key.push_back(part->name);
  std::size_t at = 0;
  for (std::uint64_t* number :
       {&result.expected_rows, &result.live_rows, &result.missing, &result.extra, &result.different})
    *number = rows.number(0, at++);
  result.equal = result.live_rows - result.extra - result.different;
  for (const CatalogueColumn* column : columns_)
    if (const std::uint64_t differing = rows.number(0, at++); differing > 0)
      result.columns.push_back({column->name, differing});
  return result;
}

std::string Difference::list_sql(bool show_values) const {
  std::string sql =
      "SELECT CASE WHEN l.there IS NULL THEN 'm' WHEN e.there IS NULL THEN 'x' ELSE 'd' END, ''";  // no column: ''
  for (std::size_t column = 0; column < columns_.size(); ++column)
    sql += " || CASE WHEN " + differs(column) + " THEN '1' ELSE '0' END";
  std::string order;
  for (std::size_t part = 0; part < key_.size(); ++part) {
    const std::string key = "coalesce(e." + alias('k', part) + ", l." + alias('k', part) + ")";
    sql += ", (CASE WHEN e.there THEN e." + alias('k', part) + " ELSE l." + alias('k', part) + " END)::text";
    order += (part == 0 ? " ORDER BY " : ", ") + comparable(*key_[part], key);
  }
  if (show_values)
    for (const char* of : {"e.", "l."})
      for (std::size_t column = 0; column < columns_.size(); ++column)
        sql += ", " + (of + alias('c', column)) + "::text";
  return sql + " FROM " + joined_sides() + " WHERE l.there IS NULL OR e.there IS NULL OR " + any_differs() + order;
}

Drift Difference::read(const Rows& rows, std::size_t row, bool show_values) const {
  Drift drift;
  const char kind = rows.text(row, 0).front();
  drift.kind = kind == 'm' ? Drift::Kind::missing : kind == 'x' ? Drift::Kind::extra : Drift::Kind::different;
  const std::string_view differing = rows.text(row, 1);
  std::size_t at = 2;
  for (std::size_t part = 0; part < key_.size(); ++part) drift.key.push_back(rows.optional(row, at++));
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    if (drift.kind == Drift::Kind::different ? differing[column] == '0' : !show_values) continue;
    drift.columns.push_back(columns_[column]->name);
    if (!show_values) continue;
    if (drift.kind != Drift::Kind::extra) drift.expected.push_back(rows.optional(row, at + column));
    if (drift.kind != Drift::Kind::missing) drift.live.push_back(rows.optional(row, at + columns_.size() + column));
  }
  return drift;
}

void Difference::list(Session& session, bool show_values, const std::function<bool(Drift&&)>& take) const {
  show_values = show_values && 2 + key_.size() + 2 * columns_.size() <= row_columns_max;
  session.execute("DECLARE drift NO SCROLL CURSOR FOR " + list_sql(show_values));
  for (bool more = true; more;) {
    const Rows rows = session.execute("FETCH " + std::string(fetch_rows) + " FROM drift");
    more = rows.size() > 0;
    for (std::size_t row = 0; more && row < rows.size(); ++row) more = take(read(rows, row, show_values));
  }
  session.execute("CLOSE drift");
}

std::vector<std::pair<std::string, Drift::Text>> Difference::expected_row(Session& session) const {
  std::string values;
  for (std::size_t column = 0; column < columns_.size(); ++column) values += ", e." + alias('c', column) + "::text";
  const Rows rows = session.execute("SELECT e.there" + values + " FROM " + side(expected_) + " AS e");
  std::vector<std::pair<std::string, Drift::Text>> result;
  for (std::size_t column = 0; rows.size() > 0 && column < columns_.size(); ++column)
    result.emplace_back(columns_[column]->name, rows.optional(0, column + 1));
  return result;
}

/// Each row's values as a text of one form, its SHA-256; of these, sorted, the SHA-256. In two steps, by their first
/// two bytes, so that no value grows with the table beyond what the server can hold.
std::string Difference::digest(Session& session, const std::string& table) const {
  std::vector<const CatalogueColumn*> columns = key_;
  columns.insert(columns.end(), columns_.begin(), columns_.end());
  std::ranges::sort(columns, {}, &CatalogueColumn::name);
  std::string names;
  std::string values;
  for (const CatalogueColumn* column : columns) {
    names += (names.empty() ? "" : ", ") + quote_name(column->name);
    values += (values.empty() ? "" : ", ") + canonical_sql(*column, "t." + quote_name(column->name));
  }
  // A database without an encoding has bytes that are no UTF-8.
  const std::string bytes =
      ", CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)";
  return std::string(session
                         .execute("SELECT encode(sha256(convert_to(" + literal(names) + bytes +
                                  " || coalesce(string_agg(digest, ''::bytea ORDER BY start), ''::bytea)), 'hex') FROM"
                                  " (SELECT substring(digest FROM 1 FOR 2) AS start,"
                                  "   sha256(string_agg(digest, ''::bytea ORDER BY digest)) AS digest FROM"
                                  "   (SELECT sha256(convert_to(ROW(" +
                                  values + ")::text" + bytes + ") AS digest FROM " + table +
                                  " AS t) AS rows GROUP BY 1) AS parts")
                         .text(0, 0));
}

}  // namespace rebuild_projection

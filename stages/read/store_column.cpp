#include "stages/read/store_column.h"

#include <algorithm>

#include "pipeline/joined.h"

namespace rebuild_projection {

namespace {

using Operator = StoreColumn::Operator;

constexpr std::array<std::string_view, 5> usual_operators{"<", "<=", "=", ">=", ">"};

/// The base type of $1, and the operators of its default B-tree class, which the parser chooses by the same rule:
/// https://www.postgresql.org/docs/current/sql-createopclass.html. Arrays, enums, ranges and rows share the
/// catalogue's.
constexpr const char* type_query =
    "WITH RECURSIVE base(oid, kind, below) AS ("
    "  SELECT t.oid, t.typtype, t.typbasetype FROM pg_type t WHERE t.oid = $1::oid"
    "  UNION ALL"
    "  SELECT t.oid, t.typtype, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.below WHERE b.kind = 'd')"
    " SELECT format_type(b.oid, -1), f.family IS NOT NULL, b.kind IN ('e', 'r', 'm', 'c') OR t.typcategory = 'A',"
    "  b.kind = 'e', o.name, o.sql"
    " FROM base b JOIN pg_type t ON t.oid = b.oid"
    " LEFT JOIN LATERAL ("
    "  SELECT c.opcfamily AS family, c.opcintype AS type FROM pg_opclass c"
    "  JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree' JOIN pg_type i ON i.oid = c.opcintype"
    "  WHERE c.opcdefault AND (c.opcintype = b.oid OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = b.oid"
    "   AND k.casttarget = c.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i'))"
    "  ORDER BY c.opcintype = b.oid DESC, i.typispreferred DESC LIMIT 1) AS f ON true"
    " LEFT JOIN LATERAL ("
    "  SELECT a.amopstrategy AS strategy, CASE WHEN n.nspname = 'pg_catalog' THEN p.oprname END AS name,"
    "   format('OPERATOR(%I.%s)', n.nspname, p.oprname) AS sql FROM pg_amop a JOIN pg_operator p ON p.oid = a.amopopr"
    "  JOIN pg_namespace n ON n.oid = p.oprnamespace"
    "  WHERE a.amopfamily = f.family AND a.amoplefttype = f.type AND a.amoprighttype = f.type"
    "   AND a.amoppurpose = 's') AS o ON true"
    " WHERE b.kind <> 'd' ORDER BY o.strategy";

bool is_text(std::string_view type) {
  return type == "text" || type == "character varying" || type == "name" || type == "\"char\"";
}

}  // namespace

StoreColumn::StoreColumn(Session& session, const std::string& from, const std::string& name)
    : name_(name), sql_("e." + quote_name(name)) {
  if (name.size() > name_bytes_max) throw SqlError("42703", "the name is too long", "");
  // A row of NULLs tells the type, events or not. With parameters, even none, it can be one statement only.
  const Rows found = session.execute(
      "SELECT pg_typeof(" + sql_ + ")::oid, CASE WHEN EXISTS (SELECT FROM pg_type t WHERE t.oid = pg_typeof(" + sql_ +
          ") AND t.typcollation <> 0) THEN pg_collation_for(" + sql_ +
          ") END FROM (VALUES (1)) AS always LEFT JOIN (SELECT * FROM " + from + " AS s LIMIT 0) AS e ON false",
      {});
  if (found.text(0, 1) != "\"default\"") collation_ = found.text(0, 1);
  bool deterministic = true;
  if (!collation_.empty())
    deterministic =
        session.execute("SELECT c.collisdeterministic FROM pg_collation c WHERE c.oid = $1::regcollation", {collation_})
            .boolean(0, 0);
  // The modifier -1, and not NULL, gives names that no value is cut by: bpchar, where "character" would be one
  // character.
  const Rows rows = session.execute(type_query, {std::string(found.text(0, 0))});
  type_ = rows.text(0, 0);
  const bool has_class = rows.boolean(0, 1);
  has_equality_ = has_class || rows.boolean(0, 2);
  equal_as_texts_ = (is_text(type_) && deterministic) || rows.boolean(0, 3);
  std::ranges::copy(usual_operators, operators_.begin());
  if (!has_class || rows.size() != operators_.size()) return;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows.text(row, 4) == usual_operators[row]) continue;
    operators_[row] = rows.text(row, 5);
    has_usual_operators_ = false;
  }
}

std::string StoreColumn::shown(const std::string& value) const {
  return type_ == "bpchar" ? value + "::text" : value;
}

std::string StoreColumn::literal(const std::string& text) const {
  return rebuild_projection::literal(text) + "::" + type_ + (collation_.empty() ? "" : " COLLATE " + collation_);
}

std::string compare(const std::vector<StoreColumn>& columns, const std::vector<std::string>& left, Operator how,
                    const Position& right) {
  std::vector<std::string> values;
  for (std::size_t column = 0; column < columns.size(); ++column)
    values.push_back(columns[column].literal(right[column]));
  if (std::ranges::all_of(columns, &StoreColumn::has_usual_operators))  // an index serves them all at once
    return "(" + joined(left) + ") " + std::string(usual_operators[static_cast<std::size_t>(how)]) + " (" +
           joined(values) + ")";
  const auto one = [&](std::size_t column, Operator by) {
    return left[column] + " " + columns[column].sql_of(by) + " " + values[column];
  };
  const bool downwards = how == Operator::less || how == Operator::less_or_equal;
  std::string result = one(columns.size() - 1, how);
  for (std::size_t column = columns.size() - 1; column-- > 0;) {
    const std::string equal = one(column, Operator::equal) + " AND " + result;
    result = how == Operator::equal
                 ? equal
                 : "(" + one(column, downwards ? Operator::less : Operator::greater) + " OR " + equal + ")";
  }
  if (columns.size() == 1 || how == Operator::equal) return result;
  // What the first column says alone, an index can serve.
  return one(0, downwards ? Operator::less_or_equal : Operator::greater_or_equal) + " AND " + result;
}

}  // namespace rebuild_projection

#include "stages/commit/making_way.h"

#include <algorithm>
#include <map>
#include <optional>

#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

namespace {

/// What a row's column is set to, where d.number tells the rows apart, as SQL; by column.
using Assignments = std::map<std::string, std::string>;

/// A constraint that is checked row by row, with the columns that decide whether a row is in its way.
struct Uniqueness {
  struct Part {
    const CatalogueColumn* column = nullptr;
    bool in_key = false;  ///< else an expression or the predicate reads it
    bool refers = false;  ///< a foreign key takes no other value than NULL
  };
  bool excludes = false, nulls_too = false, has_expressions = false;  ///< generated columns are expressions too
  std::string predicate;  ///< of a partial index, as SQL over columns without an alias; "": none
  std::vector<Part> parts;
};

std::vector<Uniqueness> read_uniqueness(Session& session, const Replacement& table) {
  const Rows rows = session.execute(
      "SELECT i.indexrelid, i.indisexclusion, i.indnullsnotdistinct, i.indexprs IS NOT NULL OR EXISTS (SELECT FROM"
      "  pg_attribute g WHERE g.attrelid = i.indrelid AND g.attnum = ANY (i.indkey) AND g.attgenerated <> ''),"
      " pg_get_expr(i.indpred, i.indrelid), a.attname, k.in_key, EXISTS (SELECT FROM pg_constraint c WHERE c.contype ="
      "  'f' AND c.conrelid = i.indrelid AND a.attnum = ANY (c.conkey))"
      " FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0"
      " CROSS JOIN LATERAL (SELECT a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) AS k(in_key)"
      " WHERE i.indrelid = ANY ($1::oid[]) AND (i.indisunique OR i.indisexclusion) AND i.indimmediate"
      " AND (k.in_key OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid ="
      "  i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid ="
      "  a.attnum) OR EXISTS (SELECT FROM pg_attrdef e JOIN pg_attribute g ON g.attrelid = e.adrelid AND g.attnum ="
      "  e.adnum AND g.attgenerated <> '' JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid"
      "  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum WHERE"
      "  e.adrelid = i.indrelid AND e.adnum = ANY (i.indkey)))"
      // A row whose value others refer to must keep it, and none is to move to another partition.
      " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = i.indrelid AND a.attnum ="
      "  ANY (c.confkey)) AND NOT EXISTS (SELECT FROM pg_partitioned_table p JOIN pg_attribute b ON b.attrelid ="
      "  p.partrelid AND b.attnum = ANY (p.partattrs) WHERE p.partrelid = ANY ($1::oid[]) AND b.attname = a.attname)"
      " ORDER BY i.indexrelid, k.in_key DESC, a.attnum",
      {tree_of(*table.live)});
  std::vector<Uniqueness> result;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row == 0 || rows.text(row, 0) != rows.text(row - 1, 0)) {
      Uniqueness& one = result.emplace_back();
      one.excludes = rows.boolean(row, 1);
      one.nulls_too = rows.boolean(row, 2);
      one.has_expressions = rows.boolean(row, 3);
      one.predicate = rows.text(row, 4);
    }
    const CatalogueColumn* column = table.live->find(rows.text(row, 5));
    const bool written = std::ranges::find(table.columns, rows.text(row, 5)) != table.columns.end();
    if (written && column != nullptr && !column->generated && !column->identity_always)
      result.back().parts.push_back({column, rows.boolean(row, 6), rows.boolean(row, 7)});
  }
  return result;
}

/// Values that no row has or is to have, another for each row. The first one is best; a check may refuse it, and permit
/// the next one. None where the type has none at hand.
std::vector<std::string> free_values(const Replacement& table, const CatalogueColumn& column) {
  const std::string name = quote_name(column.name), live = quote_name(table.live->schema, table.live->name);
  const auto beyond = [&](const std::string& step) {
    const auto of_both = [&](const std::string& pick, const std::string& end) {
      return pick + "((SELECT " + end + "(x." + name + ") FROM " + live + " AS x), (SELECT " + end + "(y." + name +
             ") FROM " + table.rows + " AS y))";
    };
    return std::vector{of_both("least", "min") + " - " + step, of_both("greatest", "max") + " + " + step};
  };
  switch (column.base_oid) {
    case 20:    // bigint
    case 21:    // smallint
    case 23:    // integer
    case 700:   // real
    case 701:   // double precision
    case 1700:  // numeric
      return beyond("d.number");
    case 1082:  // date
      return beyond("d.number::integer");
    case 1114:  // timestamp
    case 1184:  // timestamptz
    case 1186:  // interval
      return beyond("d.number * interval '1 second'");
    case 1083:  // time
    case 1266:  // time with time zone
      return {"time '00:00' + random() * interval '1 day'"};
    case 17:  // bytea
      return {"uuid_send(gen_random_uuid())"};
    case 869:  // inet
    case 650:  // cidr
      return {"inet 'fd00::' + (random() * 1e18)::bigint", "inet '0.0.0.0' + (random() * 4294967295)::bigint"};
    case 2950:
      return {"gen_random_uuid()"};
    case 3802:  // jsonb
      return {"to_jsonb(gen_random_uuid())"};
    default:
      break;
  }
  if (column.category == 'E')  // NULL where all of its labels are taken
    return {"(SELECT f.label FROM (SELECT e.label, row_number() OVER () AS place FROM unnest(enum_range(NULL::" +
            column.base_type + ")) AS e(label) WHERE NOT EXISTS (SELECT FROM " + live + " AS x WHERE x." + name +
            " = e.label) AND NOT EXISTS (SELECT FROM " + table.rows + " AS y WHERE y." + name +
            " = e.label)) AS f WHERE f.place = d.number)"};
  if (column.category != 'S') return {};
  constexpr std::int32_t header = 4;  // a length is stored with it
  const std::string length = column.type_modifier > header ? std::to_string(column.type_modifier - header) : "36";
  return {"left(gen_random_uuid()::text, " + length + ")"};
}

/// How a row leaves a constraint by one of its columns, the best way first.
std::vector<std::string> ways_out(const Replacement& table, const Uniqueness& constraint,
                                  const Uniqueness::Part& part) {
  std::vector<std::string> ways;
  if (!part.column->not_null && !constraint.nulls_too) ways.emplace_back("NULL");
  if (part.refers) return ways;
  if (constraint.excludes && part.column->category == 'R') ways.emplace_back("'empty'");  // a range
  for (std::string& value : free_values(table, *part.column)) ways.push_back(std::move(value));
  return ways;
}

/// Whether a row with this value is certainly not in the partial index, whatever its other columns are.
bool leaves(Session& session, const Replacement& table, const std::string& predicate, const CatalogueColumn& column,
            const std::string& value) {
  std::string columns;
  for (const CatalogueColumn& one : table.live->columns)
    columns += (columns.empty() ? "" : ", ") +
               (&one == &column ? "(" + value + ")::" + column.base_type : "l." + quote_name(one.name)) + " AS " +
               quote_name(one.name);
  return session
      .execute("SELECT (" + predicate + ") IS FALSE FROM (SELECT " + columns +
               " FROM (SELECT 1 AS number) AS d LEFT JOIN " + quote_name(table.live->schema, table.live->name) +
               " AS l ON false) AS one_row")
      .boolean(0, 0);
}

/// The same by a column that the predicate reads.
std::optional<std::string> way_out_of_predicate(Session& session, const Replacement& table,
                                                const Uniqueness& constraint, const Uniqueness::Part& part) {
  std::vector<std::string> values;
  if (part.column->category == 'B') values = {"false", "true"};
  if (!part.column->not_null) values.emplace_back("NULL");
  if (!part.refers)
    for (std::string& value : free_values(table, *part.column)) values.push_back(std::move(value));
  for (const std::string& value : values)
    if (leaves(session, table, constraint.predicate, *part.column, value)) return value;
  return std::nullopt;
}

/// Takes the n-th way out of a constraint where there are several, counted from 0.
void leave(Session& session, const Replacement& table, const Uniqueness& constraint, std::size_t nth,
           Assignments& chosen) {
  const auto choose = [&](const Uniqueness::Part& part) {
    const std::vector<std::string> ways = ways_out(table, constraint, part);
    if (!ways.empty()) chosen.emplace(part.column->name, ways[std::min(nth, ways.size() - 1)]);
    return !ways.empty();
  };
  for (const Uniqueness::Part& part : constraint.parts)
    if (part.in_key && (chosen.contains(part.column->name) || choose(part))) return;
  if (!constraint.predicate.empty())
    for (const Uniqueness::Part& part : constraint.parts)
      if (const auto value = way_out_of_predicate(session, table, constraint, part)) {
        chosen.emplace(part.column->name, *value);
        return;
      }
  if (constraint.has_expressions)
    for (const Uniqueness::Part& part : constraint.parts)
      if (choose(part)) return;
}

void move(Session& session, const Replacement& table, const Assignments& chosen) {
  std::string assignments;
  for (const auto& [column, value] : chosen)
    assignments += (assignments.empty() ? "" : ", ") + quote_name(column) + " = " + value;
  session.execute("WITH moved AS (UPDATE " + quote_name(table.live->schema, table.live->name) + " AS l SET " +
                  assignments + " FROM (SELECT p.*, row_number() OVER () AS number FROM " + table.places +
                  " AS p WHERE p.live_at IS NOT NULL AND p.row_at IS NOT NULL) AS d WHERE " + is_live_row +
                  " RETURNING d.live_part AS part, d.live_at AS at, l.ctid AS new_at) UPDATE " + table.places +
                  " AS p SET live_at = m.new_at FROM moved AS m WHERE p.live_part = m.part AND p.live_at = m.at");
}

}  // namespace

void make_way(Session& session, const Replacement& table) {
  constexpr std::size_t ways_max = 3;  // NULL, and a value at either end of those there are
  const std::vector<Uniqueness> constraints = read_uniqueness(session, table);
  for (std::size_t nth = 0; nth < ways_max; ++nth) {
    Assignments chosen;
    for (const Uniqueness& constraint : constraints) leave(session, table, constraint, nth, chosen);
    if (chosen.empty()) return;
    session.execute("SAVEPOINT making_way");
    try {
      move(session, table, chosen);
      session.execute("RELEASE SAVEPOINT making_way");
      return;
    } catch (const SqlError& error) {
      // A value out of its type's range, or one that a check or another row refuses.
      const bool of_the_value = error.is_class("22") || error.is_class("23");
      if (!of_the_value || nth + 1 == ways_max) throw;
      session.execute("ROLLBACK TO SAVEPOINT making_way");
    }
  }
}

}  // namespace rebuild_projection

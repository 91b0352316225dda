// The parts of EventStore that ask the server what it makes of the file's SQL, and of the order.
#include <algorithm>

#include "pipeline/joined.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

std::string EventStore::from_mistake(const SqlError& error) const {
  const bool unresolved = error.sqlstate == "42P01" || error.sqlstate == "42883";
  return file_.at("from") + error.what() +
         (unresolved && file_.is_subquery() ? "; inside a subquery every name needs its schema, as public.events"
                                            : "") +
         (error.sqlstate == "25006" ? "; the event store is read in read-only transactions" : "") + "\n";
}

std::string EventStore::sql_mistakes(Session& session) const {
  const std::string from = "SELECT FROM " + from_ + " AS e";
  std::string mistakes;
  const auto attempt = [&](const std::string& sql, const auto& mistake) {
    try {
      session.execute(sql, {});
    } catch (const SqlError& error) {
      if (error.connection_lost()) throw;
      mistakes += mistake(error);
    }
  };
  attempt(from + " LIMIT 1", [this](const SqlError& error) { return from_mistake(error); });
  attempt(from + " ORDER BY " + order_columns("") + " LIMIT 0",
          [this](const SqlError& error) { return file_.at("order") + error.what() + "\n"; });
  if (!file_.horizon.empty())
    attempt(from + " WHERE (" + file_.horizon + ") LIMIT 0",
            [this](const SqlError& error) { return file_.at("horizon") + error.what() + "\n"; });
  return mistakes;
}

void EventStore::refuse_null_positions(Session& session) const {
  for (const std::string& column : file_.order) {
    if (std::find(not_null_.begin(), not_null_.end(), column) != not_null_.end()) continue;
    const std::string value = "e." + quote_name(column);
    // IS NULL is true of a row of NULLs too, which has its place; but an index serves it.
    if (session
            .execute("SELECT FROM " + from_ + " AS e WHERE " + value + " IS NULL AND num_nulls(" + value +
                     ") = 1 LIMIT 1")
            .size() > 0)
      throw UsageError(
          file_.at("order") + "events of the store have NULL in \"" + column +
          "\" and so no place in the order; give them a value, or leave them out with a from of the form (select ...)");
  }
}

bool EventStore::order_is_known_to_be_unique(Session& session) const {
  // An outer join that can neither add nor remove rows is left out of the plan
  // (https://www.postgresql.org/docs/current/sql-explain.html): the planner knows the indexes, through views too.
  std::string same;
  for (const StoreColumn& column : order_)
    same += (same.empty() ? "" : " AND ") + column.sql() + " " + column.sql_of(StoreColumn::Operator::equal) +
            " any_two.place::text::" + column.type();
  const Rows plan =
      session.execute("EXPLAIN (COSTS OFF) SELECT FROM generate_series(1, 2) AS any_two(place) LEFT JOIN " + from_ +
                      " AS e ON " + same);
  return plan.size() == 1;
}

void EventStore::refuse_shared_positions(Session& session, const EventRange& range) const {
  if (order_is_known_to_be_unique(session)) return;
  const std::string columns = order_columns("");
  const Rows shared = session.execute("SELECT count(*), " + position() + " FROM " + from_ + " AS e" + where(range) +
                                      " GROUP BY " + columns + " HAVING count(*) > 1 LIMIT 1");
  if (shared.size() == 0) return;
  Position position;
  for (std::size_t column = 1; column < shared.columns(); ++column) position.emplace_back(shared.text(0, column));
  throw UsageError(file_.at("order") + std::string(shared.text(0, 0)) + " events share the position " +
                   to_string(position) + " (" + joined(file_.order) +
                   "); the order needs one more column, which tells them apart");
}

bool EventStore::order_is_indexed(Session& session) const {
  // With sorting priced out of reach, a Sort is left in the plan only where no index delivers the order.
  session.execute("SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off");
  const Rows plan = session.execute("EXPLAIN (COSTS OFF) " + events({}, {}));
  for (std::size_t line = 0; line < plan.size(); ++line)
    if (plan.text(line, 0).find("Sort Key:") != std::string_view::npos &&
        plan.text(line, 0).find("Merge") == std::string_view::npos) {
      // "Merge Append" prints a Sort Key too, but merges sorted children without sorting.
      const bool merges = line > 0 && plan.text(line - 1, 0).find("Merge Append") != std::string_view::npos;
      if (!merges) return false;
    }
  return true;
}

std::vector<std::uint32_t> EventStore::relations(Session& session) const {
  // The planner sees through views and subqueries; the server reads its own JSON.
  const Rows plan = session.execute("EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT * FROM " + from_ + " AS e");
  std::string json;
  for (std::size_t line = 0; line < plan.size(); ++line) json += plan.text(line, 0);
  const std::string from_oid = file_.is_subquery() ? "NULL" : literal(from_) + "::regclass";
  const Rows oids = session.execute(
      "WITH RECURSIVE read(oid) AS ("
      "  SELECT c.oid FROM jsonb_path_query($1::jsonb, '$.** ? (exists(@.\"Relation Name\"))') AS scan"
      "  JOIN pg_class c ON c.relname = scan->>'Relation Name'"
      "  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = scan->>'Schema'"
      "  UNION SELECT " +
          from_oid +
          "::oid),"
          " below(oid) AS (SELECT oid FROM read UNION SELECT i.inhrelid FROM pg_inherits i JOIN below b ON i.inhparent "
          "= b.oid),"
          " family(oid) AS (SELECT oid FROM below UNION SELECT i.inhparent FROM pg_inherits i JOIN family f ON "
          "i.inhrelid = f.oid)"
          " SELECT DISTINCT oid FROM family WHERE oid IS NOT NULL",
      {json});
  std::vector<std::uint32_t> result;
  for (std::size_t row = 0; row < oids.size(); ++row) result.push_back(static_cast<std::uint32_t>(oids.number(row, 0)));
  return result;
}

}  // namespace rebuild_projection

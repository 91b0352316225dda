#include <charconv>

#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "stages/read/event_store.h"

// The SQL over a store's events, and what it tells.
namespace rebuild_projection {

namespace {

Position position_of(const Rows& rows, std::size_t row) {
  Position position;
  for (std::size_t column = 0; column < rows.columns(); ++column) position.emplace_back(rows.text(row, column));
  return position;
}

/// The position that the first row holds; nullopt where there is no row.
std::optional<Position> first_position(const Rows& rows) {
  return rows.size() == 0 ? std::nullopt : std::optional(position_of(rows, 0));
}

}  // namespace

std::string EventStore::order_columns(std::string_view suffix) const {
  std::string result;
  for (const std::string& column : file_.order)
    result += (result.empty() ? "e." : ", e.") + quote_name(column) + std::string(suffix);
  return result;
}

std::string EventStore::position_literal(const Position& position) const {
  std::string result;
  for (std::size_t column = 0; column < position.size(); ++column)
    result += (column == 0 ? "(" : ", ") + literal(position[column]) + "::" + order_types_[column];
  return result + ")";
}

std::string EventStore::where(const EventRange& range) const {
  std::string result;
  auto also = [&](const std::string& condition) { result += (result.empty() ? " WHERE " : " AND ") + condition; };
  if (range.after) also("(" + order_columns("") + ") > " + position_literal(*range.after));
  for (const auto& end : {range.last, range.stretch_end, range.up_to})
    if (end) also("(" + order_columns("") + ") <= " + position_literal(*end));
  for (const std::string& condition : range.where) also(condition);
  if (!file_.horizon.empty() && !range.beyond_horizon) also("(" + file_.horizon + ")");
  return result;
}

std::string EventStore::events(const EventRange& range, const PayloadSelection& payloads) const {
  std::string columns = select_list_;
  for (const std::string& column : payloads.columns("e." + quote_name(file_.type), "e." + quote_name(file_.payload)))
    columns += ", " + column;
  return "SELECT " + columns + " FROM " + from_ + " AS e" + where(range) + " ORDER BY " + order_columns("");
}

std::string EventStore::positions(const EventRange& range) const {
  return "SELECT " + order_columns("") + " FROM " + from_ + " AS e" + where(range) + " ORDER BY " + order_columns("");
}

std::uint64_t EventStore::count(Session& session, const EventRange& range) const {
  return session.execute("SELECT count(*) FROM " + from_ + " AS e" + where(range)).number(0, 0);
}

std::uint64_t EventStore::estimate(Session& session, const EventRange& range) const {
  const Rows plan = session.execute("EXPLAIN (FORMAT JSON) SELECT FROM " + from_ + " AS e" + where(range));
  constexpr std::string_view rows_of_node = "\"Plan Rows\": ";  // of the outermost node first
  const std::string_view text = plan.text(0, 0);
  const std::size_t at = text.find(rows_of_node);
  std::uint64_t rows = 0;
  if (at != std::string_view::npos) {
    const std::string_view number = text.substr(at + rows_of_node.size());
    std::from_chars(number.data(), number.data() + number.size(), rows);
  }
  return rows;
}

std::optional<Position> EventStore::last(Session& session, const EventRange& range) const {
  return from_end(session, range, 0);
}

std::optional<Position> EventStore::first(Session& session, const EventRange& range) const {
  return first_position(session.execute("SELECT " + order_columns("") + " FROM " + from_ + " AS e" + where(range) +
                                        " ORDER BY " + order_columns("") + " LIMIT 1"));
}

std::vector<Position> EventStore::in_order(Session& session, const std::vector<Position>& positions) const {
  std::vector<Position> result;
  if (positions.empty()) return result;
  std::string list;
  for (const Position& position : positions) list += (list.empty() ? "" : ", ") + position_literal(position);
  const Rows rows = session.execute("SELECT " + order_columns("") + " FROM " + from_ + " AS e WHERE (" +
                                    order_columns("") + ") IN (" + list + ") ORDER BY " + order_columns(""));
  for (std::size_t row = 0; row < rows.size(); ++row) result.push_back(position_of(rows, row));
  return result;
}

std::optional<std::string> EventStore::event_id_at(Session& session, const Position& position) const {
  const std::string id = file_.event_id.empty() ? "NULL" : "e." + quote_name(file_.event_id);
  const Rows rows = session.execute("SELECT " + id + " FROM " + from_ + " AS e WHERE (" + order_columns("") +
                                    ") = " + position_literal(position) + " LIMIT 1");
  if (rows.size() == 0) return std::nullopt;
  return file_.event_id.empty() ? to_string(position) : std::string(rows.text(0, 0));
}

EventStore::Lag EventStore::lag(Session& session, const Position& position,
                                const std::optional<std::string>& ts) const {
  EventRange later;
  if (!position.empty()) later.after = position;
  const std::string newest = has_ts() ? "max(e." + quote_name(file_.ts) + ")::timestamptz" : "NULL::timestamptz";
  const Rows rows = session.execute("SELECT count(*), date_trunc('second', coalesce(" + newest +
                                        " - $1::timestamptz, CASE WHEN count(*) = 0 THEN interval '0' END)) FROM " +
                                        from_ + " AS e" + where(later),
                                    {ts});
  return {rows.number(0, 0), rows.optional(0, 1)};
}

std::optional<Position> EventStore::from_end(Session& session, const EventRange& range, std::uint64_t events) const {
  const Rows rows =
      session.execute("SELECT " + order_columns("") + " FROM " + from_ + " AS e" + where(range) + " ORDER BY " +
                      order_columns(" DESC") + " LIMIT 1 OFFSET " + std::to_string(events));
  return first_position(rows);
}

std::optional<Position> EventStore::find(Session& session, const std::string& event_id) const {
  const std::string by_position =
      "say --from-position with the values of the store's order columns (" + joined(file_.order) + ") instead";
  if (file_.event_id.empty())
    throw UsageError("--from-event-id: the events of the store " + file_.name + " have no ids; " + by_position);
  try {
    const Rows rows =
        session.execute("SELECT " + order_columns("") + " FROM " + from_ + " AS e WHERE e." +
                        quote_name(file_.event_id) + " = " + literal(event_id) + "::" + event_id_type_ + " LIMIT 2");
    if (rows.size() > 1)
      throw UsageError("--from-event-id: more than one event of the store has the id " + event_id + "; " + by_position);
    return first_position(rows);
  } catch (const SqlError& error) {
    if (!error.is_class("22")) throw;
    throw UsageError("--from-event-id: \"" + event_id + "\" is no " + event_id_type_ +
                     ", the type of the store's event ids");
  }
}

std::string EventStore::option_to_begin_after(const std::string& event_id, const Position& position) const {
  if (!file_.event_id.empty()) return "--from-event-id " + event_id;
  const auto quoted = [](const std::string& text, char quote, std::string_view doubled) {
    std::string result(1, quote);
    for (const char one : text) result += one == quote ? std::string(doubled) : std::string(1, one);
    return result + quote;
  };
  std::string list;
  for (const std::string& value : position) list += (list.empty() ? "" : ",") + quoted(value, '"', "\"\"");
  return "--from-position " + quoted(list, '\'', "'\\''");
}

Position EventStore::read_position(Session& session, const Position& given, const std::string& from) const {
  if (given.size() != file_.order.size())
    throw UsageError(from + " has " + std::to_string(given.size()) + " values, and a position of the store " +
                     file_.name + " has " + std::to_string(file_.order.size()) + " (" + joined(file_.order) + ")");
  std::string values;
  for (std::size_t column = 0; column < given.size(); ++column)
    values += (column == 0 ? "SELECT " : ", ") + literal(given[column]) + "::" + order_types_[column];
  try {
    return position_of(session.execute(values), 0);
  } catch (const SqlError& error) {
    if (!error.is_class("22")) throw;
    throw UsageError(from + " has a value that is not of the type of the store's order columns (" +
                     joined(file_.order) + ")");
  }
}

bool EventStore::not_before(Session& session, const Position& position, const Position& other) const {
  return session.execute("SELECT " + position_literal(position) + " >= " + position_literal(other)).boolean(0, 0);
}

void EventStore::limit_ts(EventRange& range, const char* comparison, const std::string& moment) const {
  if (!has_ts())
    throw UsageError("the store " + file_.name +
                     " has no timestamp, so --from-ts and --to-ts mean nothing there; --from-position is the way to "
                     "begin later");
  // The session is in UTC: a text without zone is UTC for both types, and a zone in it is honoured before one is
  // dropped.
  const std::string value = literal(moment) + "::timestamptz";
  range.where.push_back("e." + quote_name(file_.ts) + " " + comparison + " " +
                        (ts_type_ == "timestamp with time zone" ? value : "(" + value + " AT TIME ZONE 'UTC')"));
}

}  // namespace rebuild_projection

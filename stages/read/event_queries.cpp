#include <algorithm>
#include <charconv>
#include <iterator>

#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "stages/read/event_store.h"

// The SQL over a store's events, and what it tells.
namespace rebuild_projection {

namespace {

using Operator = StoreColumn::Operator;

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

std::string EventStore::position() const {
  std::string result;
  for (const StoreColumn& column : order_) result += (result.empty() ? "" : ", ") + column.shown();
  return result;
}

std::string EventStore::is(StoreColumn::Operator how, const Position& position) const {
  std::vector<std::string> columns;
  for (const StoreColumn& column : order_) columns.push_back(column.sql());
  return compare(order_, columns, how, position);
}

std::string EventStore::where(const EventRange& range) const {
  std::string result;
  auto also = [&](const std::string& condition) { result += (result.empty() ? " WHERE " : " AND ") + condition; };
  if (range.after) also(is(Operator::greater, *range.after));
  for (const auto& end : {range.last, range.stretch_end, range.up_to})
    if (end) also(is(Operator::less_or_equal, *end));
  for (const std::string& condition : range.where) also(condition);
  if (!file_.horizon.empty() && !range.beyond_horizon) also("(" + file_.horizon + ")");
  return result;
}

std::string EventStore::events(const EventRange& range, const PayloadSelection& payloads,
                               const std::vector<bool>& left_out) const {
  std::vector<std::string> columns = select_list_;
  std::ranges::move(payloads.columns(type_sql_, "e." + quote_name(file_.payload)), std::back_inserter(columns));
  for (std::size_t column = 0; column < left_out.size(); ++column)
    if (left_out[column]) columns[column] = "NULL";
  return "SELECT " + joined(columns) + " FROM " + from_ + " AS e" + where(range) + " ORDER BY " + order_columns("");
}

std::vector<std::string> EventStore::column_names(const PayloadSelection& payloads) const {
  std::vector<std::string> names = selected_names_;
  names.insert(names.end(), payloads.columns("", "").size(), file_.payload);
  return names;
}

std::string EventStore::positions(const EventRange& range) const {
  return "SELECT " + position() + " FROM " + from_ + " AS e" + where(range) + " ORDER BY " + order_columns("");
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
  return first_position(session.execute("SELECT " + position() + " FROM " + from_ + " AS e" + where(range) +
                                        " ORDER BY " + order_columns("") + " LIMIT 1"));
}

std::vector<Position> EventStore::in_order(Session& session, const std::vector<Position>& positions) const {
  std::vector<Position> result;
  if (positions.empty()) return result;
  std::vector<std::string> conditions;
  for (const Position& one : positions) conditions.push_back(is(Operator::equal, one));
  const Rows rows = session.execute("SELECT " + position() + " FROM " + from_ + " AS e WHERE " +
                                    joined(conditions, " OR ") + " ORDER BY " + order_columns(""));
  for (std::size_t row = 0; row < rows.size(); ++row) result.push_back(position_of(rows, row));
  return result;
}

std::optional<std::string> EventStore::event_id_at(Session& session, const Position& position) const {
  const auto of_event = [&](const std::string& what) {
    return session.execute("SELECT " + what + " FROM " + from_ + " AS e WHERE " + is(Operator::equal, position) +
                           " LIMIT 1");
  };
  try {
    const Rows rows = of_event(event_id_ ? event_id_->shown() : "NULL");
    if (rows.size() == 0) return std::nullopt;
    return rows.is_null(0, 0) ? to_string(position) : std::string(rows.text(0, 0));
  } catch (const SqlError& error) {  // its id cannot be read, and was not when it was
    if (!error.blames_row_read()) throw;
  }
  return of_event("").size() == 0 ? std::nullopt : std::optional(to_string(position));
}

EventStore::Lag EventStore::lag(Session& session, const Position& position,
                                const std::optional<std::string>& ts) const {
  EventRange later;
  if (!position.empty()) later.where.push_back(is(Operator::greater, position));
  const std::string newest = has_ts() ? "max(e." + quote_name(file_.ts) + ")::timestamptz" : "NULL::timestamptz";
  const Rows rows = session.execute("SELECT count(*), date_trunc('second', coalesce(" + newest +
                                        " - $1::timestamptz, CASE WHEN count(*) = 0 THEN interval '0' END)) FROM " +
                                        from_ + " AS e" + where(later),
                                    {ts});
  return {rows.number(0, 0), rows.optional(0, 1)};
}

std::optional<Position> EventStore::from_end(Session& session, const EventRange& range, std::uint64_t events) const {
  const Rows rows = session.execute("SELECT " + position() + " FROM " + from_ + " AS e" + where(range) + " ORDER BY " +
                                    order_columns(" DESC") + " LIMIT 1 OFFSET " + std::to_string(events));
  return first_position(rows);
}

std::optional<Position> EventStore::find(Session& session, const std::string& event_id) const {
  const std::string by_position =
      "say --from-position with the values of the store's order columns (" + joined(file_.order) + ") instead";
  if (!event_id_)
    throw UsageError("--from-event-id: the events of the store " + file_.name + " have no ids; " + by_position);
  if (!event_id_->has_equality())
    throw UsageError("--from-event-id: the event ids of the store " + file_.name + " are " + event_id_->type() +
                     ", of which no two can be compared; " + by_position);
  try {
    const Rows rows =
        session.execute("SELECT " + position() + " FROM " + from_ + " AS e WHERE " + event_id_->sql() + " " +
                        event_id_->sql_of(Operator::equal) + " " + event_id_->literal(event_id) + " LIMIT 2");
    if (rows.size() > 1)
      throw UsageError("--from-event-id: more than one event of the store has the id " + event_id + "; " + by_position);
    return first_position(rows);
  } catch (const SqlError& error) {
    if (!error.is_class("22")) throw;
    throw UsageError("--from-event-id: \"" + event_id + "\" is no " + event_id_->type() +
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
  std::vector<std::string> values;
  for (std::size_t column = 0; column < given.size(); ++column)
    values.push_back(order_[column].shown(order_[column].literal(given[column])));
  try {
    return position_of(session.execute("SELECT " + joined(values)), 0);
  } catch (const SqlError& error) {
    if (!error.is_class("22")) throw;
    throw UsageError(from + " has a value that is not of the type of the store's order columns (" +
                     joined(file_.order) + ")");
  }
}

bool EventStore::not_before(Session& session, const Position& position, const Position& other) const {
  std::vector<std::string> values;
  for (std::size_t column = 0; column < order_.size(); ++column)
    values.push_back(order_[column].literal(position[column]));
  return session.execute("SELECT " + compare(order_, values, Operator::greater_or_equal, other)).boolean(0, 0);
}

bool EventStore::has_event(Session& session, const EventRange& range) const {
  return session.execute("SELECT FROM " + from_ + " AS e" + where(range) + " LIMIT 1").size() > 0;
}

bool EventStore::ends_before(Session& session, const Position& position, bool beyond_horizon) const {
  EventRange all;
  all.beyond_horizon = beyond_horizon;
  all.where.push_back(is(Operator::greater_or_equal, position));
  return !has_event(session, all);
}

std::string EventStore::ts_condition(const char* comparison, const std::string& moment) const {
  if (!has_ts())
    throw UsageError("the store " + file_.name +
                     " has no timestamp, so --from-ts and --to-ts mean nothing there; --from-position is the way to "
                     "begin later");
  // The session is in UTC: a text without zone is UTC for both types, and a zone in it is honoured before one is
  // dropped.
  const std::string value = literal(moment) + "::timestamptz";
  return "e." + quote_name(file_.ts) + " " + comparison + " " +
         (ts_type_ == "timestamp with time zone" ? value : "(" + value + " AT TIME ZONE 'UTC')");
}

void EventStore::limit_ts(EventRange& range, const char* comparison, const std::string& moment) const {
  range.where.push_back(ts_condition(comparison, moment));
}

void EventStore::leave_out_ts(EventRange& range, const char* comparison, const std::string& moment) const {
  range.where.push_back("(" + ts_condition(comparison, moment) + ") IS NOT TRUE");
}

}  // namespace rebuild_projection

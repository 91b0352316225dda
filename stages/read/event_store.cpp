#include "stages/read/event_store.h"

#include <algorithm>

#include "pipeline/joined.h"
#include "stages/postgres/catalogue_query.h"

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

EventStore::EventStore(StoreFile file, Session& session) : file_(std::move(file)) {
  look_up_relation(session);
  look_up_columns(session);
  look_up_origins(session);
  std::string definition = from_ + "\norder";
  for (const std::string& column : file_.order) definition += " " + quote_name(column);
  for (const std::string& column :
       {file_.event_id, file_.ts, file_.type, file_.stream_id, file_.payload, file_.metadata})
    definition += "\n" + quote_name(column);
  digest_ = session.execute("SELECT md5($1)", {definition}).text(0, 0);
}

void EventStore::look_up_relation(Session& session) {
  if (file_.is_subquery()) {
    from_ = file_.from;
    return;
  }
  const auto found = find_relation(session, file_.from);
  if (!found)
    throw UsageError(file_.at("from") + "there is no relation \"" + file_.from + "\" in " + session.where() +
                     "; name it as \"schema.table\"");
  if (!found->can_select)
    throw UsageError(file_.at("from") +
                     "reading the event store is not permitted; its owner must run: GRANT SELECT ON " +
                     quote_name(found->schema, found->name) + " TO " + quote_name(found->role) + ";");
  if (found->row_security)
    throw UsageError(file_.at("from") + "row-level security would hide events of \"" + file_.from + "\" from role " +
                     found->role + "; read it as a role with BYPASSRLS");
  from_ = quote_name(found->schema, found->name);
  const Rows columns = session.execute("SELECT attname FROM pg_attribute WHERE attrelid = $1::oid AND attnotnull",
                                       {std::to_string(found->oid)});
  for (std::size_t row = 0; row < columns.size(); ++row) not_null_.emplace_back(columns.text(row, 0));
}

void EventStore::look_up_columns(Session& session) {
  std::vector<std::pair<std::string, std::string>> wanted;  // key of the store file, column
  for (const std::string& column : file_.order) wanted.emplace_back("order", column);
  wanted.emplace_back("type", file_.type);
  for (const auto& [key, column] : {std::pair{"event_id", file_.event_id},
                                    {"ts", file_.ts},
                                    {"stream_id", file_.stream_id},
                                    {"metadata", file_.metadata}})
    if (!column.empty()) wanted.emplace_back(key, column);
  wanted.emplace_back("payload", file_.payload);

  std::string mistakes;
  std::vector<std::string> selected;  // each column once, however many roles it has; but the payload stands alone
  std::vector<std::string> types;
  for (const auto& [key, column] : wanted) {
    try {
      if (column.size() > name_bytes_max) throw SqlError("42703", "the name is too long", "");
      const std::string type = type_of(session, column);
      const auto place = std::find(selected.begin(), selected.end(), column) - selected.begin();
      if (static_cast<std::size_t>(place) == selected.size() && key != "payload") {
        selected.push_back(column);
        types.push_back(type);
      }
      mistakes += take_column(key, column, type, static_cast<std::size_t>(place));
    } catch (const SqlError& error) {
      if (error.connection_lost()) throw;
      if (error.sqlstate != "42703") {  // the relation itself is at fault: the same for every column
        mistakes += from_mistake(error);
        break;
      }
      mistakes += file_.at(key) + "the store has no column \"" + column + "\"\n";
    }
  }
  if (mistakes.empty()) mistakes = sql_mistakes(session);
  if (!mistakes.empty()) throw UsageError(mistakes.substr(0, mistakes.size() - 1));
  for (std::size_t column = 0; column < selected.size(); ++column) {
    select_list_ += (column == 0 ? "" : ", ") + wire_column(types[column], "e." + quote_name(selected[column]));
    wire_types_.push_back(wire_type(types[column]));
  }
  lacks_encoding_ = session.execute("SELECT current_setting('server_encoding')").text(0, 0) == "SQL_ASCII";
  const std::string& type = types[columns_.type];
  if (payload_ != Payload::jsonb)
    why_no_members_ = "the store's payload is not jsonb";
  else if (lacks_encoding_)
    why_no_members_ = "the store's database has no encoding";
  else if (type != "text" && type != "character varying")
    why_no_members_ = "the store's event type is " + type + ", not text";
}

std::string EventStore::type_of(Session& session, const std::string& column) const {
  // A row of NULLs tells the type, events or not. The modifier -1, and not NULL, gives names that no value is cut by:
  // bpchar, where "character" would be one character.
  return std::string(session
                         .execute("SELECT pg_catalog.format_type(pg_typeof(e." + quote_name(column) +
                                      ")::oid, -1) FROM (VALUES (1)) AS one LEFT JOIN (SELECT * FROM " + from_ +
                                      " AS s LIMIT 0) AS e ON false",
                                  {})  // with parameters, even none, it can be one statement only
                         .text(0, 0));
}

void EventStore::look_up_origins(Session& session) {
  const Rows columns = session.execute("SELECT " + order_columns("") + " FROM " + from_ + " AS e LIMIT 0");
  drawn_in_ = columns.origin(0);
  std::string table, names;
  for (std::size_t column = 0; column < columns.columns(); ++column) {
    const auto origin = columns.origin(column);
    if (!origin || origin->relation != drawn_in_->relation) return;
    const Rows found = session.execute(
        "SELECT n.nspname, c.relname, c.relkind = 'p', a.attname FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.oid = $1::oid AND a.attnum = $2::integer AND c.relkind IN ('r', 'p', 'm')",
        {std::to_string(origin->relation), std::to_string(origin->column)});
    if (found.size() == 0) return;
    // PostgreSQL makes no index of a partitioned table concurrently.
    table = (found.boolean(0, 2) ? "ON " : "CONCURRENTLY ON ") + quote_name(found.text(0, 0), found.text(0, 1));
    names += (names.empty() ? "" : ", ") + quote_name(found.text(0, 3));
  }
  create_index_ = "CREATE INDEX " + table + " (" + names + ");";
}

std::string EventStore::take_column(const std::string& key, const std::string& column, const std::string& type,
                                    std::size_t place) {
  const auto mistake = [&](const std::string& wrong) {
    return file_.at(key) + "\"" + column + "\" is " + type + wrong + "\n";
  };
  if (key == "order") {
    columns_.order.push_back(place);
    order_types_.push_back(type);
  } else if (key == "event_id") {
    columns_.event_id = place;
    event_id_type_ = type;
  } else if (key == "type") {
    columns_.type = place;
  } else if (key == "stream_id") {
    columns_.stream_id = place;
    stream_id_type_ = type;
  } else if (key == "metadata") {
    columns_.metadata = place;
  } else if (key == "ts") {
    columns_.ts = place;
    ts_type_ = type;
    if (!type.starts_with("timestamp ")) return mistake(", not a timestamp");
  } else {
    if (type == "jsonb")
      payload_ = Payload::jsonb;
    else if (type == "json")
      payload_ = Payload::json;
    else if (type == "bytea")
      payload_ = Payload::bytea;
    else if (type == "text" || type == "character varying")
      payload_ = Payload::text;
    else
      return mistake("; a payload is jsonb, json, text or bytea");
  }
  return "";
}

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

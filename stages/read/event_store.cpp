#include "stages/read/event_store.h"

#include <algorithm>

#include "pipeline/joined.h"
#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

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
  for (const auto& [key, column] : wanted) {
    try {
      mistakes += take_column(key, StoreColumn(session, from_, column));
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
  lacks_encoding_ = session.execute("SELECT current_setting('server_encoding')").text(0, 0) == "SQL_ASCII";
  if (payload_ != Payload::jsonb)
    why_no_members_ = "the store's payload is not jsonb";
  else if (lacks_encoding_)
    why_no_members_ = "the store's database has no encoding";
  else if (!type_->equal_as_texts())
    why_no_members_ = "the store's event type is " + type_->type() + ", not text";
}

std::size_t EventStore::select(const StoreColumn& column, const std::string& sql, StoredValue::Form form) {
  const auto found = std::ranges::find(select_list_, sql);
  if (found == select_list_.end()) {
    select_list_.push_back(sql);
    selected_names_.push_back(column.name());
    wire_forms_.push_back(form);
    return select_list_.size() - 1;
  }
  return static_cast<std::size_t>(found - select_list_.begin());
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

std::string EventStore::take_column(const std::string& key, const StoreColumn& column) {
  const std::string& type = column.type();
  const auto mistake = [&](const std::string& wrong) {
    return file_.at(key) + "\"" + column.name() + "\" is " + type + wrong + "\n";
  };
  const auto place = [&] { return select(column, wire_column(type, column.sql()), wire_form(type)); };
  if (key == "order") {
    columns_.order.push_back(place());
    order_.push_back(column);
  } else if (key == "event_id") {
    columns_.event_id = place();
    event_id_ = column;
  } else if (key == "type") {
    type_ = column;
    type_sql_ = text_column(type, column.sql());
    columns_.type = select(column, type_sql_, StoredValue::Form::text);
  } else if (key == "stream_id") {
    columns_.stream_id = place();
    stream_id_ = column;
  } else if (key == "metadata") {
    columns_.metadata = place();
  } else if (key == "ts") {
    columns_.ts = place();
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

}  // namespace rebuild_projection

// The parts of EventStore that choose events by what they are about.
#include <algorithm>

#include "pipeline/uuid.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

void EventStore::limit_types(EventRange& range, const std::vector<std::string>& types) const {
  std::string list;
  for (const std::string& type : types) list += (list.empty() ? "" : ", ") + literal(type);
  range.where.push_back(type_sql_ + " IN (" + list + ")");
}

void EventStore::name_types(Session& session, const std::vector<std::string>& types) {
  using Operator = StoreColumn::Operator;
  if (type_->equal_as_texts() || !type_->has_equality()) return;
  std::string cases, values;
  for (const std::string& type : types) {
    const std::string value = type_->literal(type);
    try {
      session.execute("SELECT " + value);
    } catch (const SqlError& error) {  // no event can have it
      if (error.transient()) throw;
      continue;
    }
    cases += " WHEN " + type_->sql() + " " + type_->sql_of(Operator::equal) + " " + value + " THEN " + literal(type);
    values += (values.empty() ? "(" : ", (") + literal(type) + ", " + value + ")";
  }
  if (cases.empty()) return;
  const Rows same = session.execute(
      "SELECT a.name, b.name FROM (VALUES " + values + ") AS a(name, type) JOIN (VALUES " + values +
      ") AS b(name, type) ON a.name < b.name AND a.type " + type_->sql_of(Operator::equal) + " b.type LIMIT 1");
  if (same.size() > 0)
    throw UsageError("the event types \"" + std::string(same.text(0, 0)) + "\" and \"" + std::string(same.text(0, 1)) +
                     "\" are one to the store, whose types are " + type_->type() +
                     "; spell them alike in all projections");
  type_sql_ = "CASE" + cases + " ELSE " + type_sql_ + " END";
  columns_.type = select(*type_, type_sql_, StoredValue::Form::text);
}

std::optional<std::string> EventStore::stream_condition(const std::vector<std::string>& values,
                                                        std::uint32_t type) const {
  constexpr std::uint32_t bigint = 20, smallint = 21, integer = 23, text = 25, varchar = 1043, uuid = 2950;
  const auto is_one_of = [](const auto& one, auto... all) { return ((one == all) || ...); };
  if (!stream_id_) return std::nullopt;
  const std::string& stream_type = stream_id_->type();
  const bool texts = is_one_of(stream_type, "text", "character varying");
  const bool wholes = is_one_of(stream_type, "bigint", "integer", "smallint");
  const bool text_key = is_one_of(type, text, varchar);
  const std::string& column = stream_id_->sql();
  ArrayText array;
  for (const std::string& value : values) array.add(value);
  const std::string list = literal(array.take());
  if (texts && text_key) return column + " = ANY (" + list + "::text[])";
  if (wholes && is_one_of(type, bigint, smallint, integer)) return column + " = ANY (" + list + "::bigint[])";
  if (stream_type == "bpchar" && text_key) return column + " = ANY (" + list + "::bpchar[])";
  if (stream_type == "uuid" && (type == uuid || text_key)) {
    Uuid uuid_read{};
    if (std::ranges::all_of(values, [&](const std::string& value) { return read_uuid(value, uuid_read); }))
      return column + " = ANY (" + list + "::uuid[])";
    return column + "::text = ANY (" + list + "::text[])";
  }
  if (texts && type == uuid)  // which has more than one spelling
    return "translate(lower(" + column + "), '{}-', '') IN (SELECT translate(key.value::text, '-', '') FROM unnest(" +
           list + "::uuid[]) AS key(value))";
  return std::nullopt;
}

}  // namespace rebuild_projection

// The parts of EventStore that choose events by what they are about.
#include <algorithm>

#include "pipeline/uuid.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

void EventStore::limit_types(EventRange& range, const std::vector<std::string>& types) const {
  std::string list;
  for (const std::string& type : types) list += (list.empty() ? "" : ", ") + literal(type);
  range.where.push_back("e." + quote_name(file_.type) + "::text IN (" + list + ")");
}

std::optional<std::string> EventStore::stream_condition(const std::vector<std::string>& values,
                                                        std::uint32_t type) const {
  constexpr std::uint32_t bigint = 20, smallint = 21, integer = 23, text = 25, varchar = 1043, uuid = 2950;
  const auto is_one_of = [](const auto& one, auto... all) { return ((one == all) || ...); };
  const bool texts = is_one_of(stream_id_type_, "text", "character varying");
  const bool wholes = is_one_of(stream_id_type_, "bigint", "integer", "smallint");
  const bool text_key = is_one_of(type, text, varchar);
  if (file_.stream_id.empty()) return std::nullopt;
  const std::string column = "e." + quote_name(file_.stream_id);
  ArrayText array;
  for (const std::string& value : values) array.add(value);
  const std::string list = literal(array.take());
  if (texts && text_key) return column + " = ANY (" + list + "::text[])";
  if (wholes && is_one_of(type, bigint, smallint, integer)) return column + " = ANY (" + list + "::bigint[])";
  if (stream_id_type_ == "uuid" && (type == uuid || text_key)) {
    Uuid uuid_read{};
    if (std::ranges::all_of(values, [&](const std::string& value) { return read_uuid(value, uuid_read); }))
      return column + " = ANY (" + list + "::uuid[])";
    return column + "::text = ANY (" + list + "::text[])";
  }
  if (texts && type == uuid)  // which has more than one spelling
    return "translate(lower(" + column + "), '{}-', '') IN (SELECT translate(one::text, '-', '') FROM unnest(" + list +
           "::uuid[]) AS u(one))";
  return std::nullopt;
}

}  // namespace rebuild_projection

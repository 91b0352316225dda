// The parts of EventStore that choose events by what they are about.
#include "stages/read/event_store.h"

namespace rebuild_projection {

void EventStore::limit_types(EventRange& range, const std::vector<std::string>& types) const {
  std::string list;
  for (const std::string& type : types) list += (list.empty() ? "" : ", ") + literal(type);
  range.where.push_back("e." + quote_name(file_.type) + "::text IN (" + list + ")");
}

bool EventStore::limit_stream(EventRange& range, const std::string& value, std::uint32_t type) const {
  constexpr std::uint32_t bigint = 20, smallint = 21, integer = 23, text = 25, varchar = 1043, uuid = 2950;
  const auto is_whole = [](std::uint32_t one) { return one == bigint || one == smallint || one == integer; };
  const bool texts = stream_id_type_ == "text" || stream_id_type_ == "character varying";
  const bool wholes = stream_id_type_ == "bigint" || stream_id_type_ == "integer" || stream_id_type_ == "smallint";
  const std::string column = "e." + quote_name(file_.stream_id);
  if (file_.stream_id.empty()) return false;
  if (texts && (type == text || type == varchar))
    range.where.push_back(column + " = " + literal(value));
  else if (wholes && is_whole(type))
    range.where.push_back(column + " = " + literal(value) + "::bigint");
  else if (stream_id_type_ == "uuid" && type == uuid)
    range.where.push_back(column + " = " + literal(value) + "::uuid");
  else if (stream_id_type_ == "uuid" && (type == text || type == varchar))
    range.where.push_back(column + "::text = " + literal(value));
  else if (texts && type == uuid)  // which has more than one spelling
    range.where.push_back("translate(lower(" + column + "), '{}-', '') = translate(" + literal(value) +
                          "::uuid::text, '-', '')");
  else
    return false;
  return true;
}

}  // namespace rebuild_projection

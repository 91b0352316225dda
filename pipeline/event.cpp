#include "pipeline/event.h"

#include <algorithm>
#include <stdexcept>

#include "pipeline/error.h"
#include "pipeline/joined.h"

namespace rebuild_projection {

std::string to_string(const Position& position) {
  return joined(position);
}

std::optional<Timestamp> moment_of(const Json& json) {
  if (json.kind == Json::Kind::moment) return Timestamp::of_bytes(json.text);
  return json.kind == Json::Kind::string ? Timestamp::parse(json.text) : std::nullopt;
}

void refuse_undeclared(std::string_view what, std::size_t index, std::size_t declared) {
  throw std::logic_error("the projector reads " + std::string(what) + " at index " + std::to_string(index) +
                         ", and declares " + std::to_string(declared) + " of them");
}

Position StoredEvent::owned_position() const {
  Position result;
  for (const StoredValue& column : position) result.push_back(column.text());
  return result;
}

Json Event::stream_id(ColumnType column) const {
  if (stored_->stream_id.is_null()) throw EventError("the event has no stream id, which the projection reads");
  return json_of(stored_->stream_id, column, stream_id_);
}

Json Event::json_of(const StoredValue& value, ColumnType column, StoredValue::Room& room) {
  using Form = StoredValue::Form;
  const Form form = value.form();
  if (column == ColumnType::uuid && form == Form::uuid) return {Json::Kind::uuid, value.bytes()};
  if (column == ColumnType::timestamp && (form == Form::timestamp || form == Form::timestamptz))
    return {Json::Kind::moment, value.bytes()};
  if (value.is_null()) return {Json::Kind::null, {}};
  return {Json::Kind::string, value.text(room)};
}

const Json& Event::value(std::string_view path) const {
  const auto& paths = extraction_->paths;
  const auto found = std::find(paths.begin(), paths.end(), path);
  if (found == paths.end())
    throw std::logic_error("the projector reads \"" + std::string(path) + "\" and does not declare that path");
  return values_[static_cast<std::size_t>(found - paths.begin())];
}

}  // namespace rebuild_projection

#include "pipeline/event.h"

#include <algorithm>
#include <stdexcept>

#include "pipeline/error.h"
#include "pipeline/joined.h"

namespace rebuild_projection {

std::string to_string(const Position& position) {
  return joined(position);
}

Json Event::stream_id() const {
  if (!stored_->stream_id) throw EventError("the event has no stream id, which the projection reads");
  return {Json::Kind::string, *stored_->stream_id};
}

const Json& Event::value(std::string_view path) const {
  const auto& paths = extraction_->paths;
  const auto found = std::find(paths.begin(), paths.end(), path);
  if (found == paths.end())
    throw std::logic_error("the projector reads \"" + std::string(path) + "\" and does not declare that path");
  return values_[static_cast<std::size_t>(found - paths.begin())];
}

}  // namespace rebuild_projection

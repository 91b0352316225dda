#include "pipeline/event.h"

namespace rebuild_projection {

std::string to_string(const Position& position) {
  std::string text;
  for (const std::string& value : position) {
    if (&value != &position.front()) text += ", ";
    text += value;
  }
  return text;
}

}  // namespace rebuild_projection

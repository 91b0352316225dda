#include "pipeline/joined.h"

namespace rebuild_projection {

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string result;
  for (std::size_t index = 0; index < texts.size(); ++index) {
    if (index > 0) result += separator;
    result += texts[index];
  }
  return result;
}

}  // namespace rebuild_projection

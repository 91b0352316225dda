#include "pipeline/json_pointer.h"

#include <charconv>

namespace rebuild_projection {

std::optional<std::vector<std::string>> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (!pointer.empty() && pointer.front() != '/') return std::nullopt;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (pointer[i] == '~') {
      const char code = ++i < pointer.size() ? pointer[i] : '\0';
      if (code != '0' && code != '1') return std::nullopt;
      tokens.back() += code == '0' ? '~' : '/';
    } else {
      tokens.back() += pointer[i];
    }
  }
  return tokens;
}

std::optional<std::uint64_t> array_index(std::string_view token) {
  std::uint64_t index = 0;
  const char* end = token.data() + token.size();
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  const auto [stop, error] = std::from_chars(token.data(), end, index);
  return error == std::errc() && stop == end ? std::optional(index) : std::nullopt;
}

}  // namespace rebuild_projection

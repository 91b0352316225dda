#include "stages/toml_spelling.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "pipeline/code_point.h"

namespace rebuild_projection {

std::string toml_escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (c.valid && is_control(c.value)) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04X", static_cast<unsigned>(c.value));
      result += code.data();
    } else {
      if (c.value == U'"' || c.value == U'\\') result += '\\';
      result += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return result;
}

std::string toml_text(std::string_view text) {
  return '"' + toml_escaped(text) + '"';
}

std::string toml_key(std::string_view name) {
  const bool bare = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '-');
  });
  return bare ? std::string(name) : toml_text(name);
}

std::string pointer_to(std::string_view member) {
  std::string pointer = "/";
  for (const char c : member) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return pointer;
}

std::string commented_out(std::string_view lines) {
  std::string result;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size() - 1) + 1;
    result += "# " + std::string(lines.substr(0, end));
    lines.remove_prefix(end);
  }
  return result;
}

}  // namespace rebuild_projection

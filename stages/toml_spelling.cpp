#include "stages/toml_spelling.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace rebuild_projection {

namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};

/// The first of a text that is valid UTF-8, as a database's is. Four bytes are never a control character: 0 then.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  if (byte(0) >= 0xc0 && byte(0) < 0xe0 && text.size() >= 2) return {((byte(0) & 0x1f) << 6) | (byte(1) & 0x3f), 2};
  if (byte(0) >= 0xe0 && byte(0) < 0xf0 && text.size() >= 3)
    return {((byte(0) & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f), 3};
  return {byte(0) < 0x80 ? byte(0) : U'?', 1};
}

/// C0, delete, C1, line separators, and what turns the direction of writing.
bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
         c == 0x200e || c == 0x200f;
}

}  // namespace

std::string toml_escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (is_control(c.value)) {
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

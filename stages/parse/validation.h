#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pipeline/limits.h"

namespace rebuild_projection {

struct Malformed {
  const char* what;    ///< "unexpected character": never content
  std::size_t offset;  ///< bytes before it
};

/// Checks a whole text against RFC 8259, byte by byte and without recursion: structure, escapes, numbers of any size,
/// nothing after the document, nesting up to limits::payload_depth_max. UTF-8 is not looked at, see find_bad_utf8().
/// Not thread-safe; made once for many texts.
class Validator {
 public:
  std::optional<Malformed> check(std::string_view json);

 private:
  [[nodiscard]] bool document();
  [[nodiscard]] bool value(bool& opened);
  [[nodiscard]] bool after_value();
  [[nodiscard]] bool key();
  [[nodiscard]] bool open(bool object);
  [[nodiscard]] bool string();
  [[nodiscard]] bool number();
  [[nodiscard]] bool digits();
  [[nodiscard]] bool literal(std::string_view word);
  void skip_space();
  [[nodiscard]] bool fail(const char* what);
  [[nodiscard]] bool unexpected() { return fail(at_ == end_ ? "unexpected end" : "unexpected character"); }
  [[nodiscard]] bool next_is(char byte) const { return at_ != end_ && *at_ == byte; }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  const char* problem_ = nullptr;
  std::size_t depth_ = 0;
  std::array<bool, limits::payload_depth_max> is_object_{};  ///< by depth
};

/// What a payload that is no JSON seems to be, by how it begins, of what event stores are known to hold: "YAML"; ""
/// where nothing is known.
std::string_view known_format(std::string_view payload);

/// Where a text stops being UTF-8; nullopt where it is.
std::optional<std::size_t> find_bad_utf8(std::string_view text);

}  // namespace rebuild_projection

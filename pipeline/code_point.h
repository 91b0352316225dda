#pragma once

#include <cstddef>
#include <string_view>

namespace rebuild_projection {

/// A code point of a UTF-8 text, and how many bytes it takes; valid = false for one byte that is not UTF-8.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
  bool valid = true;
};

/// The first of a text that is not empty.
CodePoint first_code_point(std::string_view text);

/// Whether a terminal would act on it instead of showing it: C0, delete, C1, line separators, and what turns the
/// direction of writing.
bool is_control(char32_t c);

}  // namespace rebuild_projection

#pragma once

#include <string_view>

namespace rebuild_projection {

/// Reads one escape of a JSON string. `at` stands after the backslash and is moved behind the escape. False where it is
/// none of RFC 8259's; then `at` is where it went wrong. Never reads at `end` or beyond.
bool skip_escape(const char*& at, const char* end);

struct Unescaped {
  std::string_view text;          ///< UTF-8
  const char* problem = nullptr;  ///< why there is no text; lives for ever
};

/// What the inside of a JSON string means. Writes to `out`, which holds raw.size() bytes, and returns a view of that.
/// \u0000 and surrogates without a partner are problems, as they are to PostgreSQL.
Unescaped unescape(std::string_view raw, char* out);

}  // namespace rebuild_projection

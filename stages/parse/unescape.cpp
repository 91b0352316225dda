#include "stages/parse/unescape.h"

#include <cstdint>
#include <cstring>

namespace rebuild_projection {
namespace {

constexpr const char* no_escape = "the string has an escape that JSON does not know";
constexpr const char* nul = "the string contains \\u0000, which PostgreSQL's text cannot hold";
constexpr const char* lone_surrogate = "the string contains half of a surrogate pair, which is no character";

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

/// Four hex digits at `at`, which is moved behind them; -1 where they are not.
std::int32_t code_unit(const char*& at, const char* end) {
  std::int32_t unit = 0;
  for (int i = 0; i < 4; ++i, ++at) {
    const int digit = at < end ? hex_digit(*at) : -1;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/// What a single-letter escape means, or 0.
char single(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

char* put_utf8(std::int32_t point, char* out) {
  const auto tail = [&](int shift) { *out++ = static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) {
    *out++ = static_cast<char>(point);
  } else if (point < 0x800) {
    *out++ = static_cast<char>(0xc0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    *out++ = static_cast<char>(0xe0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    *out++ = static_cast<char>(0xf0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
  return out;
}

/// The character of a \u escape; `at` stands after the u and is moved behind the escape, or behind both of a pair.
const char* code_point(const char*& at, const char* end, std::int32_t& point) {
  point = code_unit(at, end);
  if (point < 0) return no_escape;
  if (point == 0) return nul;
  if (point < 0xd800 || point > 0xdfff) return nullptr;
  if (point >= 0xdc00 || end - at < 2 || at[0] != '\\' || at[1] != 'u') return lone_surrogate;
  at += 2;
  const std::int32_t low = code_unit(at, end);
  if (low < 0) return no_escape;
  if (low < 0xdc00 || low > 0xdfff) return lone_surrogate;
  point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  return nullptr;
}

}  // namespace

bool skip_escape(const char*& at, const char* end) {
  if (at == end) return false;
  if (*at == 'u') return code_unit(++at, end) >= 0;
  if (single(*at) == '\0') return false;
  ++at;
  return true;
}

Unescaped unescape(std::string_view raw, char* out) {
  const char* at = raw.data();
  const char* const end = at + raw.size();
  char* const begin = out;
  while (at != end) {
    const auto* slash = static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)));
    const char* const plain_end = slash != nullptr ? slash : end;
    const auto plain = static_cast<std::size_t>(plain_end - at);
    std::memcpy(out, at, plain);
    out += plain;
    if (slash == nullptr) break;
    at = slash + 1;
    if (at == end) return {{}, no_escape};
    const char letter = *at++;
    if (letter == 'u') {
      std::int32_t point = 0;
      if (const char* problem = code_point(at, end, point)) return {{}, problem};
      out = put_utf8(point, out);
    } else if (const char meant = single(letter)) {
      *out++ = meant;
    } else {
      return {{}, no_escape};
    }
  }
  return {{begin, static_cast<std::size_t>(out - begin)}, nullptr};
}

}  // namespace rebuild_projection

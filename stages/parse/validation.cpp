#include "stages/parse/validation.h"

#include <simdjson.h>

#include <array>
#include <cstring>
#include <utility>

#include "stages/parse/unescape.h"

namespace rebuild_projection {
namespace {

static_assert(limits::payload_depth_max == 10'000, "the message below names it");
constexpr const char* too_deep = "nested deeper than 10000 levels";

constexpr std::uint64_t every_byte(std::uint64_t byte) {
  return byte * 0x0101010101010101U;
}

/// Whether eight bytes hold a quote, a backslash or a control character. May say yes for others.
bool may_be_special(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  const auto below = [](std::uint64_t in, std::uint64_t limit) { return (in - every_byte(limit)) & ~in; };
  const std::uint64_t found = below(word, 0x20) | below(word ^ every_byte('"'), 1) | below(word ^ every_byte('\\'), 1);
  return (found & every_byte(0x80)) != 0;
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

}  // namespace

std::optional<Malformed> Validator::check(std::string_view json) {
  at_ = json.data();
  end_ = json.data() + json.size();
  depth_ = 0;
  if (document()) return std::nullopt;
  return Malformed{problem_, static_cast<std::size_t>(at_ - json.data())};
}

bool Validator::document() {
  do {
    bool opened = false;
    if (!value(opened)) return false;
    if (!opened && !after_value()) return false;
  } while (depth_ > 0);
  skip_space();
  return at_ == end_ || fail("more text after the document");
}

/// A scalar, an empty object or array, or the beginning of one with members: then the next value is its first.
bool Validator::value(bool& opened) {
  skip_space();
  if (at_ == end_) return unexpected();
  switch (*at_) {
    case '{':
      if (!open(true)) return false;
      skip_space();
      if (next_is('}')) return true;
      opened = true;
      return key();
    case '[':
      if (!open(false)) return false;
      skip_space();
      opened = !next_is(']');
      return true;
    case '"':
      return string();
    case 't':
      return literal("true");
    case 'f':
      return literal("false");
    case 'n':
      return literal("null");
    default:
      return number();
  }
}

/// Closes what ends here, up to the place of the next value or the end of the document.
bool Validator::after_value() {
  while (depth_ > 0) {
    const bool object = is_object_[depth_ - 1];
    skip_space();
    if (next_is(object ? '}' : ']')) {
      ++at_;
      --depth_;
    } else if (next_is(',')) {
      ++at_;
      return !object || key();
    } else {
      return unexpected();
    }
  }
  return true;
}

bool Validator::key() {
  skip_space();
  if (!next_is('"')) return unexpected();
  if (!string()) return false;
  skip_space();
  if (!next_is(':')) return unexpected();
  ++at_;
  return true;
}

bool Validator::open(bool object) {
  if (depth_ == limits::payload_depth_max) return fail(too_deep);
  is_object_[depth_++] = object;
  ++at_;
  return true;
}

bool Validator::string() {
  ++at_;
  while (true) {
    while (end_ - at_ >= 8 && !may_be_special(at_)) at_ += 8;
    while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
    if (at_ == end_) return fail("unexpected end");
    if (*at_ == '"') {
      ++at_;
      return true;
    }
    if (*at_ != '\\') return fail("control character in a string");
    ++at_;
    if (!skip_escape(at_, end_)) return fail(at_ == end_ ? "unexpected end" : "invalid escape in a string");
  }
}

bool Validator::digits() {
  if (at_ == end_ || !is_digit(*at_)) return unexpected();
  while (at_ != end_ && is_digit(*at_)) ++at_;
  return true;
}

bool Validator::number() {
  if (next_is('-')) ++at_;
  if (next_is('0')) {
    ++at_;  // a digit after it is unexpected to whoever reads on
  } else if (!digits()) {
    return false;
  }
  if (next_is('.')) {
    ++at_;
    if (!digits()) return false;
  }
  if (next_is('e') || next_is('E')) {
    ++at_;
    if (next_is('+') || next_is('-')) ++at_;
    return digits();
  }
  return true;
}

bool Validator::literal(std::string_view word) {
  for (const char letter : word) {
    if (!next_is(letter)) return unexpected();
    ++at_;
  }
  return true;
}

void Validator::skip_space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

bool Validator::fail(const char* what) {
  problem_ = what;
  return false;
}

std::string_view known_format(std::string_view payload) {
  using namespace std::string_view_literals;
  constexpr std::array formats{std::pair{"---"sv, "YAML"sv},
                               std::pair{"\x83"sv, "an Erlang term"sv},
                               std::pair{"\xac\xed"sv, "a Java object"sv},
                               std::pair{"\x04\x08"sv, "a Ruby object (Marshal)"sv},
                               std::pair{"O:"sv, "a PHP object (serialize)"sv},
                               std::pair{"a:"sv, "a PHP array (serialize)"sv},
                               std::pair{"\x1f\x8b"sv, "gzip"sv}};
  for (const auto& [begin, name] : formats)
    if (payload.starts_with(begin)) return name;
  return "";
}

std::optional<std::size_t> find_bad_utf8(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return std::nullopt;
  // Halve the range between a prefix that is valid and one that is not, cutting only where a character can begin.
  std::size_t good = 0;
  std::size_t bad = text.size();
  while (bad - good > 1) {
    const std::size_t middle = good + (bad - good) / 2;
    std::size_t cut = middle;
    while (cut > good && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
    if (cut == good) {
      // Continuation bytes only: after a valid character they are one too many, or the character here is too long.
      for (cut = middle; cut < bad && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80;) ++cut;
      if (cut == bad) break;
    }
    if (simdjson::validate_utf8(text.data() + good, cut - good)) {
      good = cut;
    } else {
      bad = cut;
    }
  }
  return good;
}

}  // namespace rebuild_projection

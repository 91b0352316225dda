#include "pipeline/key.h"

#include <array>
#include <charconv>
#include <stdexcept>

#include "pipeline/column_error.h"
#include "pipeline/decimal.h"
#include "pipeline/timestamp.h"

/// Keys that are the same to the database, in one spelling each.
namespace rebuild_projection {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// An integer as PostgreSQL's input takes it: white space, one sign, digits.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string integer_key(const Column& column, const Json& part) {
  if (part.kind == Json::Kind::string || part.kind == Json::Kind::number) {
    if (const auto number = parse_integer(part.text)) return std::to_string(*number);
  }
  if (part.kind == Json::Kind::number) {
    // 7.0 and 7e0 are 7 as well.
    const auto number = Decimal::parse(part.text);
    if (number && number->is_integral())
      if (const auto whole = parse_integer(number->to_canonical_text())) return std::to_string(*whole);
  }
  throw wrong_value(column, "an integer", part);
}

/// Both spellings: what is compared, and what is written.
std::pair<std::string, std::string> numeric_key(const Column& column, const Json& part) {
  const bool readable = part.kind == Json::Kind::string || part.kind == Json::Kind::number;
  auto number = readable ? Decimal::parse(part.text) : std::nullopt;
  if (!number) throw wrong_value(column, "a number", part);
  if (column.scale) number = number->rounded(*column.scale);
  return {number->to_canonical_text(), number->to_text()};
}

/// As uuid_in of PostgreSQL: braces around it or none, a hyphen or none after each group of four digits.
std::optional<std::string> parse_uuid(std::string_view text) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  constexpr std::size_t digits_all = 32;
  std::string result;
  result.reserve(digits_all + 4);
  std::size_t digits = 0;
  bool hyphen_may_follow = false;
  for (const char c : text) {
    if (c == '-' && hyphen_may_follow) {
      hyphen_may_follow = false;
      continue;
    }
    const char digit = lower(c);
    if (!((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'))) return std::nullopt;
    if (digits == digits_all) return std::nullopt;
    if (digits == 8 || digits == 12 || digits == 16 || digits == 20) result += '-';
    result += digit;
    ++digits;
    hyphen_may_follow = digits % 4 == 0 && digits < digits_all;
  }
  if (digits != digits_all) return std::nullopt;
  return result;
}

/// As boolin of PostgreSQL: unique beginnings of the words, in any case.
std::optional<bool> parse_boolean(std::string_view text) {
  struct Word {
    std::string_view word;
    std::size_t least;  // how much of it is unique
    bool value;
  };
  constexpr std::array<Word, 8> words{{{"true", 1, true},
                                       {"false", 1, false},
                                       {"yes", 1, true},
                                       {"no", 1, false},
                                       {"on", 2, true},
                                       {"off", 2, false},
                                       {"1", 1, true},
                                       {"0", 1, false}}};
  std::string lowered;
  for (const char c : trimmed(text)) lowered += lower(c);
  for (const Word& word : words)
    if (lowered.size() >= word.least && word.word.starts_with(lowered)) return word.value;
  return std::nullopt;
}

/// One part of a key: what is compared, and what is written where that is spelled otherwise.
struct Part {
  std::string canonical;
  std::optional<std::string> value;
};

Part make_part(const Column& column, const Json& json) {
  if (json.kind == Json::Kind::invalid) throw unreadable_value(column, json);
  if (json.kind == Json::Kind::missing || json.kind == Json::Kind::null)
    throw EventError("key column " + quoted(column) + " has no value");
  const bool composite = json.kind == Json::Kind::object || json.kind == Json::Kind::array;
  switch (column.type) {
    case ColumnType::integer:
      return {integer_key(column, json), {}};
    case ColumnType::numeric: {
      auto [canonical, value] = numeric_key(column, json);
      return {std::move(canonical), std::move(value)};
    }
    case ColumnType::uuid:
      if (auto uuid = json.kind == Json::Kind::string ? parse_uuid(json.text) : std::nullopt)
        return {std::move(*uuid), {}};
      throw wrong_value(column, "a uuid", json);
    case ColumnType::boolean:
      if (const auto value = composite ? std::nullopt : parse_boolean(json.text))
        return {*value ? "true" : "false", {}};
      throw wrong_value(column, "a boolean", json);
    case ColumnType::timestamp:
      if (const auto moment = json.kind == Json::Kind::string ? Timestamp::parse(json.text) : std::nullopt)
        return {moment->to_text(), {}};
      throw wrong_value(column, "a timestamp", json);
    case ColumnType::text:
      if (composite) throw wrong_value(column, "a text", json);
      return {std::string(json.text), {}};
    case ColumnType::floating:
    case ColumnType::array:
    case ColumnType::other:
      break;
  }
  throw std::logic_error("a key column of a type that cannot be compared here");
}

/// Four bytes, the highest first: parts cannot run into one another, and positive integers sort by their value.
void append_length(std::string& text, std::size_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(static_cast<unsigned char>(length >> shift));
}

}  // namespace

Key make_key(const TableLayout& table, std::span<const Json> parts) {
  if (parts.size() != table.key.size()) throw std::logic_error("a key with another number of parts than its table has");
  Key key;
  key.values.reserve(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part part = make_part(table.key[i], parts[i]);
    append_length(key.canonical, part.canonical.size());
    key.canonical += part.canonical;
    key.values.push_back(part.value ? std::move(*part.value) : std::move(part.canonical));
  }
  return key;
}

}  // namespace rebuild_projection

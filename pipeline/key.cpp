#include "pipeline/key.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>

#include "pipeline/byte_order.h"
#include "pipeline/column_error.h"
#include "pipeline/decimal.h"
#include "pipeline/timestamp.h"
#include "pipeline/uuid.h"

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

std::int64_t integer_key(const Column& column, const Json& part) {
  if (part.kind == Json::Kind::string || part.kind == Json::Kind::number) {
    if (const auto number = parse_integer(part.text)) return *number;
  }
  if (part.kind == Json::Kind::number) {
    // 7.0 and 7e0 are 7 as well.
    const auto number = Decimal::parse(part.text);
    if (number && number->is_integral())
      if (const auto whole = parse_integer(number->to_canonical_text())) return *whole;
  }
  throw wrong_value(column, "an integer", part);
}

Decimal numeric_key(const Column& column, const Json& part) {
  const bool readable = part.kind == Json::Kind::string || part.kind == Json::Kind::number;
  auto number = readable ? Decimal::parse(part.text) : std::nullopt;
  if (!number) throw wrong_value(column, "a number", part);
  if (column.scale) number = number->rounded(*column.scale);
  return *number;
}

std::string uuid_text(std::string_view bytes) {
  std::string text(printed_uuid_size, '\0');
  print_uuid(bytes.data(), text.data());
  return text;
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

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;  // flipped, negative numbers sort before the others

void append_number(std::string& text, std::int64_t number) {
  append_big_endian(text, static_cast<std::uint64_t>(number) ^ sign_bit);
}

std::string_view take(std::string_view& text, std::size_t size) {
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

void append_sized(std::string& text, std::string_view part) {
  if (part.size() > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("a key of more than 4 GiB");
  append_big_endian(text, static_cast<std::uint32_t>(part.size()));
  text += part;
}

std::string_view take_sized(std::string_view& text) {
  const std::size_t size = take_big_endian<std::uint32_t>(text);
  return take(text, size);
}

/// A part of no fixed size says how long it is where another one follows: parts cannot run into one another.
void append_text(std::string& text, std::string_view part, bool is_last) {
  if (is_last)
    text += part;
  else
    append_sized(text, part);
}

void append_part(const Column& column, const Json& json, bool is_last, std::string& canonical, std::string& spelling) {
  if (json.kind == Json::Kind::invalid) throw unreadable_value(column, json);
  if (json.kind == Json::Kind::missing || json.kind == Json::Kind::null)
    throw EventError("key column " + quoted(column) + " has no value");
  const bool composite = json.kind == Json::Kind::object || json.kind == Json::Kind::array;
  switch (column.type) {
    case ColumnType::integer:
      return append_number(canonical, integer_key(column, json));
    case ColumnType::numeric: {
      const Decimal number = numeric_key(column, json);
      append_text(canonical, number.to_canonical_text(), is_last);
      return append_sized(spelling, number.to_text());
    }
    case ColumnType::uuid:
      if (json.kind == Json::Kind::uuid) {
        canonical += json.text;
        return;
      }
      if (Uuid uuid; json.kind == Json::Kind::string && read_uuid(json.text, uuid)) {
        canonical.append(reinterpret_cast<const char*>(uuid.data()), uuid.size());
        return;
      }
      throw wrong_value(column, "a uuid", json);
    case ColumnType::boolean:
      if (const auto value = composite ? std::nullopt : parse_boolean(json.text)) {
        canonical += *value ? '\1' : '\0';
        return;
      }
      throw wrong_value(column, "a boolean", json);
    case ColumnType::timestamp:
      if (const auto moment = moment_of(json)) return append_number(canonical, moment->microseconds);
      throw wrong_value(column, "a timestamp", json);
    case ColumnType::text:
      if (composite) throw wrong_value(column, "a text", json);
      return append_text(canonical, json.text, is_last);
    case ColumnType::floating:
    case ColumnType::array:
    case ColumnType::other:
      break;
  }
  throw std::logic_error("a key column of a type that cannot be compared here");
}

/// Takes the bytes of one part from the front.
std::string_view take_bytes(const Column& column, bool is_last, std::string_view& canonical) {
  switch (column.type) {
    case ColumnType::integer:
    case ColumnType::timestamp:
      return take(canonical, sizeof(std::int64_t));
    case ColumnType::uuid:
      return take(canonical, sizeof(Uuid));
    case ColumnType::boolean:
      return take(canonical, 1);
    default:
      return is_last ? canonical : take_sized(canonical);
  }
}

/// Takes the part from the front of both.
std::string take_part(const Column& column, bool is_last, std::string_view& canonical, std::string_view& spelling) {
  const std::string_view bytes = take_bytes(column, is_last, canonical);
  switch (column.type) {
    case ColumnType::integer:
      return std::to_string(key_number(bytes));
    case ColumnType::timestamp:
      return Timestamp{key_number(bytes)}.to_text();
    case ColumnType::uuid:
      return uuid_text(bytes);
    case ColumnType::boolean:
      return bytes.front() != '\0' ? "true" : "false";
    case ColumnType::numeric:
      return std::string(spelling.empty() ? bytes : take_sized(spelling));
    default:
      return std::string(bytes);
  }
}

/// Whether every part is written as its canonical form says.
bool says_nothing_new(const TableLayout& table, std::string_view canonical, std::string_view spelling) {
  for (const Column& column : table.key) {
    const bool is_last = &column == &table.key.back();
    std::string_view none;
    const std::string text = take_part(column, is_last, canonical, none);
    if (column.type == ColumnType::numeric && take_sized(spelling) != text) return false;
  }
  return true;
}

}  // namespace

void append_key(const TableLayout& table, std::span<const Json> parts, std::string& canonical, std::string& spelling) {
  if (parts.size() != table.key.size()) throw std::logic_error("a key with another number of parts than its table has");
  const std::size_t canonical_begin = canonical.size(), spelling_begin = spelling.size();
  for (std::size_t i = 0; i < parts.size(); ++i)
    append_part(table.key[i], parts[i], i + 1 == parts.size(), canonical, spelling);
  if (spelling.size() != spelling_begin && says_nothing_new(table, std::string_view(canonical).substr(canonical_begin),
                                                            std::string_view(spelling).substr(spelling_begin)))
    spelling.resize(spelling_begin);
}

std::string_view key_bytes(const TableLayout& table, std::string_view canonical, std::size_t part) {
  for (std::size_t i = 0; i < part; ++i) take_bytes(table.key[i], false, canonical);
  return take_bytes(table.key[part], part + 1 == table.key.size(), canonical);
}

std::int64_t key_number(std::string_view bytes) {
  return static_cast<std::int64_t>(take_big_endian<std::uint64_t>(bytes) ^ sign_bit);
}

std::string key_text(const TableLayout& table, std::string_view canonical, std::string_view spelling,
                     std::size_t part) {
  for (std::size_t i = 0; i < part; ++i) take_part(table.key[i], false, canonical, spelling);
  return take_part(table.key[part], part + 1 == table.key.size(), canonical, spelling);
}

}  // namespace rebuild_projection

#include "stages/apply/column_type.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <limits>
#include <string_view>

#include "pipeline/decimal.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

/// Object ids of built-in types, the same in every database (PostgreSQL's pg_type.dat).
namespace oid {
constexpr std::uint32_t boolean = 16, name = 19, int8 = 20, int2 = 21, int4 = 23, text = 25, float4 = 700, float8 = 701,
                        varchar = 1043, date = 1082, time = 1083, timestamp = 1114, timestamps = 1115, dates = 1182,
                        times = 1183, timestamptz = 1184, numeric = 1700, uuid = 2950, timestamp_range = 3908,
                        timestamp_ranges = 3909, date_range = 3912, date_ranges = 3913, timestamp_multirange = 4533,
                        date_multirange = 4535, timestamp_multiranges = 6152, date_multiranges = 6155;
}  // namespace oid

std::string lower(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t\n\r\f\v"), text.size());
  const auto last = text.find_last_not_of(" \t\n\r\f\v");
  std::string result(text.substr(first, last == std::string_view::npos ? 0 : last + 1 - first));
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool is_not_finite(std::string_view text) {
  const std::string word = lower(text);
  const std::string_view unsigned_word =
      std::string_view(word).substr(word.starts_with('-') || word.starts_with('+') ? 1 : 0);
  return word == "nan" || unsigned_word == "inf" || unsigned_word == "infinity";
}

/// As PostgreSQL's parse_bool: any prefix of true, false, yes, no; on, off but not "o"; 1, 0.
bool is_boolean(std::string_view text) {
  const std::string word = lower(text);
  if (word.empty()) return false;
  for (const std::string_view whole : {"true", "false", "yes", "no"})
    if (whole.starts_with(word)) return true;
  return word == "on" || word == "of" || word == "off" || word == "1" || word == "0";
}

bool is_uuid(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0)
      ++digits;
    else if (c != '-' && c != '{' && c != '}')
      return false;
  }
  return digits == 32;
}

bool fits_integer(std::uint32_t type, const Decimal& number) {
  using Bounds = std::pair<std::int64_t, std::int64_t>;
  const Bounds bounds = type == oid::int2   ? Bounds(INT16_MIN, INT16_MAX)
                        : type == oid::int4 ? Bounds(INT32_MIN, INT32_MAX)
                                            : Bounds(INT64_MIN, INT64_MAX);
  return number >= Decimal(bounds.first) && number <= Decimal(bounds.second);
}

std::string typed(const CatalogueColumn& column) {
  return in_quotes(column.name) + " of type " + column.type;
}

}  // namespace

ColumnType column_type(const CatalogueColumn& column) {
  switch (column.base_oid) {
    case oid::int2:
    case oid::int4:
    case oid::int8:
      return ColumnType::integer;
    case oid::numeric:
      return ColumnType::numeric;
    case oid::float4:
    case oid::float8:
      return ColumnType::floating;
    case oid::boolean:
      return ColumnType::boolean;
    case oid::uuid:
      return ColumnType::uuid;
    case oid::timestamp:
    case oid::timestamptz:
      return ColumnType::timestamp;
    case oid::text:
    case oid::varchar:
    case oid::name:
      return ColumnType::text;
    default:
      break;
  }
  if (column.category == 'E') return ColumnType::text;
  return column.category == 'A' ? ColumnType::array : ColumnType::other;
}

TimeWithoutZone time_without_zone(const CatalogueColumn& column) {
  switch (column.base_oid) {
    case oid::timestamp:
    case oid::timestamps:
    case oid::timestamp_range:
    case oid::timestamp_ranges:
    case oid::timestamp_multirange:
    case oid::timestamp_multiranges:
      return TimeWithoutZone::timestamp;
    case oid::date:
    case oid::dates:
    case oid::date_range:
    case oid::date_ranges:
    case oid::date_multirange:
    case oid::date_multiranges:
      return TimeWithoutZone::date;
    case oid::time:
    case oid::times:
      return TimeWithoutZone::time;
    default:
      return TimeWithoutZone::none;
  }
}

std::optional<int> scale_of(const CatalogueColumn& column) {
  const ColumnType type = column_type(column);
  if (type == ColumnType::integer) return 0;
  // numeric.c, numeric_typmod_scale: eleven bits with a sign, above the header of four bytes.
  if (type == ColumnType::numeric && column.type_modifier >= 4)
    return (((column.type_modifier - 4) & 0x7ff) ^ 1024) - 1024;
  return std::nullopt;
}

std::optional<std::string> key_type_problem(const CatalogueColumn& column) {
  const ColumnType type = column_type(column);
  if (type == ColumnType::timestamp) {
    if (column.type_modifier < 0) return std::nullopt;
    return typed(column) + " rounds its values, so it cannot be compared exactly; use a timestamp without a precision";
  }
  if (type == ColumnType::text) {
    if (!column.deterministic_collation)
      return in_quotes(column.name) +
             " has a nondeterministic collation, under which different texts are one key; use another collation";
    if (column.base_oid != oid::name) return std::nullopt;
  } else if (type == ColumnType::integer || type == ColumnType::numeric || type == ColumnType::uuid ||
             type == ColumnType::boolean) {
    return std::nullopt;
  }
  return typed(column) +
         " cannot be a key; use integer, numeric, uuid, boolean, enum, text, varchar or timestamp columns";
}

std::optional<std::string> operation_problem(const CatalogueColumn& column, Operation operation) {
  const ColumnType type = column_type(column);
  const bool exact = type == ColumnType::integer || type == ColumnType::numeric;
  switch (operation) {
    case Operation::set:
    case Operation::init:
      return std::nullopt;
    case Operation::add:
      if (exact) return std::nullopt;
      if (type == ColumnType::floating)
        return "add on " + typed(column) + " is not exact: sums would depend on the batches; use a numeric column";
      return "add needs an integer or numeric column, and " + typed(column) + " is none";
    case Operation::min:
    case Operation::max:
      if (exact || type == ColumnType::floating || type == ColumnType::timestamp) return std::nullopt;
      return std::string(name_of(operation)) + " needs a column of numbers or timestamps, and " + typed(column) +
             " is none";
    case Operation::append:
      break;
  }
  return type == ColumnType::array ? std::nullopt
                                   : std::optional("append needs an array column, and " + typed(column) + " is none");
}

std::optional<std::string> constant_problem(const CatalogueColumn& column, const Constant& constant) {
  const ColumnType type = column_type(column);
  const auto refused = [&](std::string_view needed) {
    // A constant stands in the file, so showing it reveals nothing of a payload.
    return std::optional(in_quotes(constant.text) + " is no " + std::string(needed) + ", which the column " +
                         typed(column) + " needs");
  };
  const bool is_boolean_constant = constant.kind == Json::Kind::boolean;
  const bool is_text = constant.kind == Json::Kind::string;
  const auto number = is_boolean_constant ? std::nullopt : Decimal::parse(constant.text);
  switch (type) {
    case ColumnType::integer:
      if (!number || !number->is_integral()) return refused("whole number");
      if (!fits_integer(column.base_oid, *number)) return refused("whole number in the range");
      return std::nullopt;
    case ColumnType::numeric:
    case ColumnType::floating:
      return number || (is_text && is_not_finite(constant.text)) ? std::nullopt : refused("number");
    case ColumnType::boolean:
      return is_boolean(constant.text) ? std::nullopt : refused("boolean");
    case ColumnType::uuid:
      return is_text && is_uuid(constant.text) ? std::nullopt : refused("uuid");
    case ColumnType::timestamp:
      return is_text ? std::nullopt : refused("time");
    case ColumnType::array:
      return is_text && lower(constant.text).find_first_of("{[") == 0 ? std::nullopt
                                                                      : refused("array such as \"{a,b}\"");
    case ColumnType::text:
    case ColumnType::other:
      break;
  }
  return std::nullopt;
}

}  // namespace rebuild_projection

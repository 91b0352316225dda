#include "stages/read/wire_type.h"

#include <array>
#include <charconv>
#include <cstring>

#include "pipeline/byte_order.h"
#include "pipeline/timestamp.h"
#include "pipeline/uuid.h"

namespace rebuild_projection {

namespace {

constexpr std::int64_t second_us = 1'000'000, day_us = 86'400 * second_us;

/// Days since 2000-01-01 of 0001-01-01 and 10000-01-01: between them, years have four digits and no era.
constexpr std::int64_t first_plain_day = -730'119, end_plain_day = 2'921'940;

constexpr std::array<std::string_view, 5> sent_as_text{"text", "character varying", "bpchar", "name", "json"};

void write_two(char* to, std::int64_t number) {
  to[0] = static_cast<char>('0' + number / 10);
  to[1] = static_cast<char>('0' + number % 10);
}

template <typename Signed, typename Unsigned>
std::size_t write_integer(const char* bytes, char* to) {
  constexpr std::size_t digits_max = 20;
  return static_cast<std::size_t>(
      std::to_chars(to, to + digits_max, static_cast<Signed>(load_big_endian<Unsigned>(bytes))).ptr - to);
}

}  // namespace

WireType wire_type(std::string_view sql_type) {
  if (sql_type == "uuid") return WireType::uuid;
  if (sql_type == "timestamp with time zone") return WireType::timestamptz;
  if (sql_type == "timestamp without time zone") return WireType::timestamp;
  if (sql_type == "smallint") return WireType::int2;
  if (sql_type == "integer") return WireType::int4;
  if (sql_type == "bigint") return WireType::int8;
  if (sql_type == "jsonb") return WireType::jsonb;
  return WireType::text;
}

std::string wire_column(std::string_view sql_type, const std::string& column) {
  if (wire_type(sql_type) != WireType::text) return column;
  for (const std::string_view type : sent_as_text)
    if (sql_type == type) return column;
  // concat() uses the type's output function, where a cast to text may print something else: trailing blanks, booleans.
  return "CASE WHEN " + column + " IS NOT NULL THEN concat(" + column + ") END";
}

std::size_t WireText::size_max(std::size_t size) {
  constexpr std::size_t longest_made_here = 48;  // of a timestamp, a uuid, a number
  return size + longest_made_here;
}

std::size_t WireText::write(WireType type, std::string_view value, char* to) {
  switch (type) {
    case WireType::uuid:
      print_uuid(value.data(), to);
      return printed_uuid_size;
    case WireType::timestamp:
    case WireType::timestamptz:
      return write_timestamp(value, type == WireType::timestamptz, to);
    case WireType::int2:
      return write_integer<std::int16_t, std::uint16_t>(value.data(), to);
    case WireType::int4:
      return write_integer<std::int32_t, std::uint32_t>(value.data(), to);
    case WireType::int8:
      return write_integer<std::int64_t, std::uint64_t>(value.data(), to);
    case WireType::jsonb:
      value.remove_prefix(1);  // the version of the format, of which there is one
      break;
    case WireType::text:
      break;
  }
  std::memcpy(to, value.data(), value.size());
  return value.size();
}

std::size_t WireText::write_timestamp(std::string_view value, bool with_zone, char* to) {
  const Timestamp moment{static_cast<std::int64_t>(load_big_endian<std::uint64_t>(value.data()))};
  std::int64_t day = moment.microseconds / day_us, time = moment.microseconds % day_us;
  if (time < 0) --day, time += day_us;
  if (day != day_) {
    const std::string text = moment.to_text();
    if (day < first_plain_day || day >= end_plain_day) {
      std::string_view part = text;
      const auto zone = part.find("+00");
      if (with_zone || zone == std::string_view::npos) {
        std::memcpy(to, part.data(), part.size());
        return part.size();
      }
      const std::string without = text.substr(0, zone) + text.substr(zone + 3);
      std::memcpy(to, without.data(), without.size());
      return without.size();
    }
    day_ = day;
    std::memcpy(date_, text.data(), sizeof date_);
  }
  char* const begin = to;
  std::memcpy(to, date_, sizeof date_);
  to += sizeof date_;
  const std::int64_t seconds = time / second_us;
  std::int64_t fraction = time % second_us;
  *to++ = ' ';
  write_two(to, seconds / 3600);
  to[2] = ':';
  write_two(to + 3, seconds / 60 % 60);
  to[5] = ':';
  write_two(to + 6, seconds % 60);
  to += 8;
  if (fraction != 0) {
    *to++ = '.';
    int digits = 6;
    while (fraction % 10 == 0) fraction /= 10, --digits;
    for (int digit = digits - 1; digit >= 0; --digit, fraction /= 10)
      to[digit] = static_cast<char>('0' + fraction % 10);
    to += digits;
  }
  if (with_zone) {
    std::memcpy(to, "+00", 3);
    to += 3;
  }
  return static_cast<std::size_t>(to - begin);
}

}  // namespace rebuild_projection

#include "stages/commit/binary_fields.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

#include "pipeline/byte_order.h"
#include "pipeline/uuid.h"
#include "stages/commit/value_text.h"

namespace rebuild_projection {

namespace {

constexpr std::uint32_t field_bytes_max = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t null_mark = 0xFFFF'FFFF;  // in place of a field's length

/// A field of a number's bytes.
template <typename Unsigned>
void append_fixed(std::string& row, Unsigned bytes) {
  append_big_endian<std::uint32_t>(row, sizeof bytes);
  append_big_endian(row, bytes);
}

bool append_text(std::string& row, std::string_view prefix, std::string_view text) {
  const std::size_t size = prefix.size() + text.size();
  if (size > field_bytes_max) return false;
  append_big_endian(row, static_cast<std::uint32_t>(size));
  row += prefix;
  row += text;
  return true;
}

/// The whole text, as a number.
template <typename Number>
std::optional<Number> read(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

template <typename Signed>
bool append_integer(std::string& row, const ValueView& value) {
  std::optional<std::int64_t> number;
  if (value.is_text())
    number = read<std::int64_t>(value.text());
  else if (value.kind() == ValueView::Kind::number && value.scale() == 0)
    number = value.coefficient();
  if (!number || *number != static_cast<Signed>(*number)) return false;
  append_fixed(row, static_cast<std::make_unsigned_t<Signed>>(*number));
  return true;
}

/// Both round to the nearest, the server by strtod() and strtof().
template <typename Float, typename Unsigned>
bool append_float(std::string& row, const ValueView& value) {
  if (!value.is_text()) return false;
  const auto number = read<Float>(value.text());
  if (!number || !std::isfinite(*number)) return false;
  append_fixed(row, std::bit_cast<Unsigned>(*number));
  return true;
}

/// Decimal digits around a point.
struct PlainNumber {
  bool negative = false;
  std::string_view before_point;
  std::string_view after_point;
  std::size_t zeros = 0;  ///< between the point and these

  [[nodiscard]] std::size_t scale() const { return zeros + after_point.size(); }
  /// The digit at a place, which is 0 behind the point and -1 before it; 0 where there is none.
  [[nodiscard]] int digit(std::ptrdiff_t place) const {
    if (place >= 0) place -= static_cast<std::ptrdiff_t>(zeros);
    const bool is_before = place < 0 && place >= -static_cast<std::ptrdiff_t>(before_point.size());
    if (is_before) return before_point[before_point.size() - static_cast<std::size_t>(-place)] - '0';
    return place >= 0 && place < static_cast<std::ptrdiff_t>(after_point.size())
               ? after_point[static_cast<std::size_t>(place)] - '0'
               : 0;
  }
};

/// numeric_send() in PostgreSQL's numeric.c: groups of four digits, how many of them, the first one's power of 10,000,
/// the sign, the digits after the point. Zeros at both ends are left out.
void append_plain_number(std::string& row, const PlainNumber& number) {
  constexpr std::ptrdiff_t group_digits = 4;
  const auto groups = [](std::size_t digits) {
    return (static_cast<std::ptrdiff_t>(digits) + group_digits - 1) / group_digits;
  };
  const auto group = [&number](std::ptrdiff_t power) {
    int value = 0;
    for (std::ptrdiff_t i = 0; i < group_digits; ++i)
      value = value * 10 + number.digit(-(power + 1) * group_digits + i);
    return value;
  };
  std::ptrdiff_t first = groups(number.before_point.size()) - 1, last = -groups(number.scale());
  while (first >= last && group(first) == 0) --first;
  while (first >= last && group(last) == 0) ++last;
  const std::ptrdiff_t count = first - last + 1;
  constexpr std::uint16_t negative_sign = 0x4000;
  append_big_endian(row, static_cast<std::uint32_t>(2 * (4 + count)));
  append_big_endian(row, static_cast<std::uint16_t>(count));
  append_big_endian(row, static_cast<std::uint16_t>(count == 0 ? 0 : first));
  append_big_endian(row, number.negative && count != 0 ? negative_sign : std::uint16_t{0});
  append_big_endian(row, static_cast<std::uint16_t>(number.scale()));
  for (std::ptrdiff_t power = first; power >= last; --power)
    append_big_endian(row, static_cast<std::uint16_t>(group(power)));
}

/// Digits, and a point with digits behind it, after a minus or not: the spellings that mean nothing else.
std::optional<PlainNumber> plain_number(std::string_view text) {
  constexpr std::size_t size_max = 1'000;  // far below what numeric holds: it never has to refuse one
  if (text.size() > size_max) return std::nullopt;
  PlainNumber number;
  number.negative = text.starts_with('-');
  if (number.negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  number.before_point = text.substr(0, point);
  if (number.before_point.empty()) return std::nullopt;
  if (point != std::string_view::npos) {
    number.after_point = text.substr(point + 1);
    if (number.after_point.empty()) return std::nullopt;
  }
  for (const std::string_view digits : {number.before_point, number.after_point})
    for (const char c : digits)
      if (c < '0' || c > '9') return std::nullopt;
  return number;
}

bool append_numeric_text(std::string& row, std::string_view text) {
  const auto number = plain_number(text);
  if (number) append_plain_number(row, *number);
  return number.has_value();
}

bool append_numeric(std::string& row, const ValueView& value) {
  switch (value.kind()) {
    case ValueView::Kind::text:
    case ValueView::Kind::digits:
      return append_numeric_text(row, value.text());
    case ValueView::Kind::decimal:
      return append_numeric_text(row, to_text(value));
    case ValueView::Kind::number:
      break;
    default:
      return false;
  }
  constexpr int scale_max = 1'000;
  if (value.scale() > scale_max) return false;
  std::array<char, 24> buffer;
  const char* const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.coefficient()).ptr;
  std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  PlainNumber number;
  number.negative = digits.starts_with('-');
  if (number.negative) digits.remove_prefix(1);
  const auto scale = static_cast<std::size_t>(value.scale());
  const std::size_t before = digits.size() - std::min(digits.size(), scale);
  number.before_point = digits.substr(0, before);
  number.after_point = digits.substr(before);
  number.zeros = scale - number.after_point.size();
  append_plain_number(row, number);
  return true;
}

bool append_moment(std::string& row, const ValueView& value, bool with_zone) {
  std::optional<Timestamp> moment;
  if (value.kind() == ValueView::Kind::moment)
    moment = value.moment();
  else if (value.is_text())
    moment = with_zone ? Timestamp::parse(value.text()) : Timestamp::parse_printed(value.text());
  if (moment) append_fixed(row, static_cast<std::uint64_t>(moment->microseconds));
  return moment.has_value();
}

/// 2025-02-01, as days since 2000.
bool append_date(std::string& row, const ValueView& value) {
  constexpr std::size_t size = 10;
  if (!value.is_text() || value.text().size() != size) return false;
  std::array<char, size + 12> midnight;
  constexpr std::string_view time = " 00:00:00+00";
  std::copy(value.text().begin(), value.text().end(), midnight.begin());
  std::copy(time.begin(), time.end(), midnight.begin() + size);
  const auto moment = Timestamp::parse_printed({midnight.data(), midnight.size()});
  if (!moment) return false;
  constexpr std::int64_t day_us = std::int64_t{86'400} * 1'000'000;
  append_fixed(row, static_cast<std::uint32_t>(moment->microseconds / day_us));
  return true;
}

}  // namespace

BinaryForm binary_form(std::uint32_t type_oid, bool is_enum) {
  switch (type_oid) {
    case 16:
      return BinaryForm::boolean;
    case 20:
      return BinaryForm::int8;
    case 21:
      return BinaryForm::int2;
    case 23:
      return BinaryForm::int4;
    case 25:    // text
    case 114:   // json
    case 1042:  // char(n)
    case 1043:  // varchar
      return BinaryForm::text;
    case 700:
      return BinaryForm::float4;
    case 701:
      return BinaryForm::float8;
    case 1082:
      return BinaryForm::date;
    case 1114:
      return BinaryForm::timestamp;
    case 1184:
      return BinaryForm::timestamptz;
    case 1700:
      return BinaryForm::numeric;
    case 2950:
      return BinaryForm::uuid;
    case 3802:
      return BinaryForm::jsonb;
    default:
      return is_enum ? BinaryForm::text : BinaryForm::none;
  }
}

bool append_binary_uuid(std::string& row, BinaryForm form, std::string_view bytes) {
  return form == BinaryForm::uuid && append_text(row, {}, bytes);
}

bool append_binary_boolean(std::string& row, BinaryForm form, bool value) {
  if (form != BinaryForm::boolean) return false;
  append_big_endian(row, std::uint32_t{1});
  row += value ? '\1' : '\0';
  return true;
}

bool append_binary(std::string& row, BinaryForm form, const ValueView& value) {
  if (value.is_null()) {
    append_big_endian(row, null_mark);
    return true;
  }
  if (value.list() != nullptr) return false;
  switch (form) {
    case BinaryForm::none:
      return false;
    case BinaryForm::text:
    case BinaryForm::jsonb: {
      constexpr std::string_view version = "\1";
      bool appended = false;
      with_text(value, [&](std::string_view text) {
        appended = append_text(row, form == BinaryForm::jsonb ? version : std::string_view(), text);
      });
      return appended;
    }
    case BinaryForm::uuid: {
      Uuid uuid;
      return value.is_text() && read_uuid(value.text(), uuid) &&
             append_text(row, {}, {reinterpret_cast<const char*>(uuid.data()), uuid.size()});
    }
    case BinaryForm::boolean: {
      const std::string_view text = value.is_text() ? value.text() : std::string_view();
      const bool yes = text == "true" || text == "t", no = text == "false" || text == "f";
      return (yes || no) && append_binary_boolean(row, form, yes);
    }
    case BinaryForm::int2:
      return append_integer<std::int16_t>(row, value);
    case BinaryForm::int4:
      return append_integer<std::int32_t>(row, value);
    case BinaryForm::int8:
      return append_integer<std::int64_t>(row, value);
    case BinaryForm::float4:
      return append_float<float, std::uint32_t>(row, value);
    case BinaryForm::float8:
      return append_float<double, std::uint64_t>(row, value);
    case BinaryForm::numeric:
      return append_numeric(row, value);
    case BinaryForm::date:
      return append_date(row, value);
    case BinaryForm::timestamp:
    case BinaryForm::timestamptz:
      return append_moment(row, value, form == BinaryForm::timestamptz);
  }
  return false;
}

}  // namespace rebuild_projection

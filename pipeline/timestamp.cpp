#include "pipeline/timestamp.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "pipeline/byte_order.h"

namespace rebuild_projection {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t minute_s = 60, hour_s = 3'600, day_s = 86'400;
constexpr std::int64_t minus_infinity = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t infinity = std::numeric_limits<std::int64_t>::max();

// Years are counted from 4801 BC, a multiple of 400 years before the year 0 and before everything PostgreSQL can hold,
// so that no division below meets a negative number.
constexpr std::int64_t first_year = -4'800;
constexpr std::int64_t years_in_cycle = 400, days_in_cycle = 146'097;

constexpr bool is_leap(std::int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/// Days of a common year before each month, and all of them.
constexpr std::array<std::int64_t, 13> days_before_month{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  const auto index = static_cast<std::size_t>(month - 1);
  return days_before_month[index + 1] - days_before_month[index] + (month == 2 && is_leap(year) ? 1 : 0);
}

/// Days from the first of January of `first_year` to that of `year`.
constexpr std::int64_t days_before_year(std::int64_t year) {
  const std::int64_t years = year - first_year;
  return 365 * years + (years + 3) / 4 - (years + 99) / 100 + (years + 399) / 400;
}

constexpr std::int64_t epoch_days = days_before_year(2000);

/// Days since 2000-01-01. The year 0 is 1 BC.
constexpr std::int64_t days_from_date(std::int64_t year, std::int64_t month, std::int64_t day) {
  return days_before_year(year) - epoch_days + days_before_month[static_cast<std::size_t>(month - 1)] +
         (month > 2 && is_leap(year) ? 1 : 0) + day - 1;
}

// PostgreSQL's bounds (MIN_TIMESTAMP, END_TIMESTAMP): Julian day 0, and the year in which 64 bits end.
constexpr std::int64_t begin_s = days_from_date(-4'713, 11, 24) * day_s;
constexpr std::int64_t end_s = days_from_date(294'277, 1, 1) * day_s;
static_assert(begin_s * second_us == -211'813'488'000'000'000);
static_assert(end_s * second_us == 9'223'371'331'200'000'000);

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Reads a text from left to right. What does not match is left where it is.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  bool take(char c) { return take_any(std::string_view(&c, 1)) != '\0'; }
  char take_any(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return '\0';
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  /// A word of lower-case letters and signs, in any case.
  bool take_word(std::string_view word) {
    if (rest_.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (lower(rest_[i]) != word[i]) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_space() {
    const std::size_t before = rest_.size();
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    return rest_.size() != before;
  }
  std::string_view take_digits() {
    std::size_t count = 0;
    while (count < rest_.size() && is_digit(rest_[count])) ++count;
    const std::string_view digits = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return digits;
  }
  /// A number of `least` to `most` digits, -1 where there is none.
  std::int64_t take_number(std::size_t least, std::size_t most) {
    std::int64_t number = 0;
    std::size_t count = 0;
    while (count < most && count < rest_.size() && is_digit(rest_[count]))
      number = number * 10 + (rest_[count++] - '0');
    if (count < least) return -1;
    rest_.remove_prefix(count);
    return number;
  }

 private:
  std::string_view rest_;
};

/// Parts of a second in microseconds. Beyond six digits PostgreSQL rounds a double (ParseFractionalSecond in
/// datetime.c).
std::int64_t fraction_us(std::string_view digits) {
  if (digits.size() <= 6) {
    std::int64_t us = 0;
    for (std::size_t i = 0; i < 6; ++i) us = us * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    return us;
  }
  const std::string text = "0." + std::string(digits);
  double fraction = 0;
  std::from_chars(text.data(), text.data() + text.size(), fraction);
  return static_cast<std::int64_t>(std::rint(fraction * 1e6));
}

/// The time of day, "HH:MM[:SS[.fraction]]", in microseconds.
std::optional<std::int64_t> take_time(Cursor& cursor) {
  const std::int64_t hour = cursor.take_number(2, 2);
  if (hour < 0 || !cursor.take(':')) return std::nullopt;
  const std::int64_t minute = cursor.take_number(2, 2);
  std::int64_t second = 0, us = 0;
  if (cursor.take(':')) {
    second = cursor.take_number(2, 2);
    if (second >= 0 && cursor.take('.')) us = fraction_us(cursor.take_digits());
  }
  // A leap second is the next minute; 24:00:00 is the next day, and nothing comes after it.
  if (minute < 0 || minute >= 60 || second < 0 || second > 60) return std::nullopt;
  const std::int64_t time = (hour * hour_s + minute * minute_s + second) * second_us + us;
  if (time > day_s * second_us) return std::nullopt;
  return time;
}

/// Seconds east of UTC: "Z", "UTC", "+HH", "+HHMM", "+HH:MM", "+HH:MM:SS"; 0 where there is no zone.
std::optional<std::int64_t> take_zone(Cursor& cursor) {
  if (cursor.take_word("utc") || cursor.take_word("z")) return 0;
  const char sign = cursor.take_any("+-");
  if (sign == '\0') return 0;
  const std::int64_t hour = cursor.take_number(2, 2);
  std::int64_t minute = 0, second = 0;
  if (cursor.take(':')) {
    minute = cursor.take_number(2, 2);
    if (minute >= 0 && cursor.take(':')) second = cursor.take_number(2, 2);
  } else if (const std::int64_t joined = cursor.take_number(2, 2); joined >= 0) {
    minute = joined;
  }
  if (hour < 0 || hour > 15 || minute < 0 || minute >= 60 || second < 0 || second >= 60) return std::nullopt;
  const std::int64_t offset = hour * hour_s + minute * minute_s + second;
  return sign == '-' ? -offset : offset;
}

struct Date {
  std::int64_t year, month, day;
};

Date date_from_days(std::int64_t days_since_epoch) {
  const std::int64_t days = days_since_epoch + epoch_days;
  Date date{first_year + days * years_in_cycle / days_in_cycle, 1, 1};
  while (days_before_year(date.year) > days) --date.year;
  while (days_before_year(date.year + 1) <= days) ++date.year;
  std::int64_t rest = days - days_before_year(date.year);
  for (; rest >= days_in_month(date.year, date.month); ++date.month) rest -= days_in_month(date.year, date.month);
  date.day = rest + 1;
  return date;
}

/// Two digits; more than 99 where there are none.
[[gnu::always_inline]] inline unsigned two_digits(const char* at) {
  const auto high = static_cast<unsigned char>(at[0] - '0'), low = static_cast<unsigned char>(at[1] - '0');
  return high > 9 || low > 9 ? 100U : high * 10U + low;
}

void print_two_digits(char* at, std::int64_t number) {
  at[0] = static_cast<char>('0' + number / 10);
  at[1] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::optional<Timestamp> Timestamp::parse_printed(std::string_view text) {
  constexpr std::size_t without_fraction = 22, with_six_digits = 29;
  if (text.size() < without_fraction || text.size() > with_six_digits || !text.ends_with("+00")) return std::nullopt;
  const char* const at = text.data();
  if (at[4] != '-' || at[7] != '-' || at[10] != ' ' || at[13] != ':' || at[16] != ':') return std::nullopt;
  const unsigned century = two_digits(at), year_of_century = two_digits(at + 2), month = two_digits(at + 5);
  const unsigned day = two_digits(at + 8), hour = two_digits(at + 11), minute = two_digits(at + 14);
  const unsigned second = two_digits(at + 17);
  if (century > 99 || year_of_century > 99 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const std::int64_t year = century * 100U + year_of_century;
  if (year == 0 || day < 1 || day > days_in_month(year, month)) return std::nullopt;
  std::int64_t us = 0;
  if (text.size() != without_fraction) {
    const std::string_view fraction = text.substr(19, text.size() - without_fraction);
    if (fraction.size() < 2 || fraction.front() != '.' || fraction.back() == '0') return std::nullopt;
    std::array<char, 6> digits{'0', '0', '0', '0', '0', '0'};
    std::copy(fraction.begin() + 1, fraction.end(), digits.begin());
    const unsigned first = two_digits(&digits[0]), middle = two_digits(&digits[2]), last = two_digits(&digits[4]);
    if (first > 99 || middle > 99 || last > 99) return std::nullopt;
    us = first * 10'000U + middle * 100U + last;
  }
  const std::int64_t seconds = days_from_date(year, month, day) * day_s + hour * hour_s + minute * minute_s + second;
  return Timestamp{seconds * second_us + us};
}

Timestamp Timestamp::of_bytes(std::string_view bytes) {
  return {static_cast<std::int64_t>(load_big_endian<std::uint64_t>(bytes.data()))};
}

std::optional<Timestamp> Timestamp::parse(std::string_view text) {
  if (const auto printed = parse_printed(text)) return printed;
  Cursor cursor(text);
  cursor.take_space();
  std::optional<Timestamp> result;
  if (cursor.take_word("infinity")) {
    result = Timestamp{infinity};
  } else if (cursor.take_word("-infinity")) {
    result = Timestamp{minus_infinity};
  } else {
    std::int64_t year = cursor.take_number(4, 6);
    if (year <= 0 || !cursor.take('-')) return std::nullopt;
    const std::int64_t month = cursor.take_number(2, 2);
    if (month < 1 || month > 12 || !cursor.take('-')) return std::nullopt;
    const std::int64_t day = cursor.take_number(2, 2);
    std::optional<std::int64_t> time = 0, zone = 0;
    bool spaced = false;  // whether white space stands before what comes next
    if (cursor.take_any("Tt") != '\0') {
      time = take_time(cursor);
      if (time) spaced = cursor.take_space(), zone = take_zone(cursor);
    } else if (spaced = cursor.take_space(); spaced && !cursor.at_end()) {
      Cursor era = cursor;  // "4714-11-24 BC"
      if (!era.take_word("bc") && !era.take_word("ad")) {
        time = take_time(cursor);
        if (time) spaced = cursor.take_space(), zone = take_zone(cursor);
      }
    }
    if (!time || !zone) return std::nullopt;
    spaced = cursor.take_space() || spaced;
    if (spaced && cursor.take_word("bc")) {
      year = 1 - year;
    } else if (spaced) {
      cursor.take_word("ad");
    }
    if (year < -4'713 || year > 294'277 || day < 1 || day > days_in_month(year, month)) return std::nullopt;
    const std::int64_t seconds = days_from_date(year, month, day) * day_s + *time / second_us - *zone;
    if (seconds < begin_s || seconds >= end_s) return std::nullopt;
    result = Timestamp{seconds * second_us + *time % second_us};
  }
  cursor.take_space();
  if (!cursor.at_end()) return std::nullopt;
  return result;
}

std::string Timestamp::to_text() const {
  std::array<char, text_bytes_max> text;
  return {text.data(), print(text.data())};
}

std::size_t Timestamp::print(char* to, bool with_zone) const {
  char* const begin = to;
  const auto append = [&to](std::string_view part) { to = std::copy(part.begin(), part.end(), to); };
  if (microseconds == infinity || microseconds == minus_infinity) {
    append(microseconds == infinity ? "infinity" : "-infinity");
    return static_cast<std::size_t>(to - begin);
  }
  constexpr std::int64_t day_us = day_s * second_us;
  std::int64_t days = microseconds / day_us, time = microseconds % day_us;
  if (time < 0) --days, time += day_us;
  const Date date = date_from_days(days);
  const bool before_christ = date.year <= 0;
  const std::int64_t seconds = time / second_us;
  const std::int64_t year = before_christ ? 1 - date.year : date.year;
  if (year > 9'999) append(std::to_string(year / 10'000));
  char* const rest = to;
  append("0000-00-00 00:00:00.000000");
  print_two_digits(rest, year / 100 % 100);
  print_two_digits(rest + 2, year % 100);
  print_two_digits(rest + 5, date.month);
  print_two_digits(rest + 8, date.day);
  print_two_digits(rest + 11, seconds / hour_s);
  print_two_digits(rest + 14, seconds / minute_s % 60);
  print_two_digits(rest + 17, seconds % 60);
  print_two_digits(rest + 20, time % second_us / 10'000);
  print_two_digits(rest + 22, time % 10'000 / 100);
  print_two_digits(rest + 24, time % 100);
  constexpr std::size_t without_fraction = 19;
  while (to[-1] == '0' && to > rest + without_fraction) --to;
  if (to[-1] == '.') --to;
  if (with_zone) append("+00");
  if (before_christ) append(" BC");
  return static_cast<std::size_t>(to - begin);
}

}  // namespace rebuild_projection

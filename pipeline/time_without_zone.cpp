#include "pipeline/time_without_zone.h"

#include <algorithm>
#include <array>

#include "pipeline/column_error.h"
#include "pipeline/timestamp.h"

namespace rebuild_projection {

namespace {

/// Words of PostgreSQL's input of dates and times (datetktbl in datetime.c), and of arrays and ranges of them, that
/// name no zone. Every other one may.
constexpr std::array<std::string_view, 65> plain_words{
    "jan",  "january",   "feb",  "february", "mar",      "march",     "apr",   "april",     "may",     "jun",
    "june", "jul",       "july", "aug",      "august",   "sep",       "sept",  "september", "oct",     "october",
    "nov",  "november",  "dec",  "december", "mon",      "monday",    "tue",   "tues",      "tuesday", "wed",
    "weds", "wednesday", "thu",  "thur",     "thurs",    "thursday",  "fri",   "friday",    "sat",     "saturday",
    "sun",  "sunday",    "am",   "pm",       "ad",       "bc",        "t",     "at",        "on",      "j",
    "jd",   "julian",    "now",  "today",    "tomorrow", "yesterday", "epoch", "infinity",  "y",       "m",
    "d",    "h",         "s",    "null",     "empty"};
constexpr std::array<std::string_view, 7> utc_words{"z", "zulu", "utc", "uct", "ut", "gmt", "allballs"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

/// What a text says of the zone that its time is in.
struct ZoneOf {
  bool time_of_day = false;  ///< it has one
  bool named = false;        ///< it has a zone, or a word that may be one,
  bool other = false;        ///< which is not UTC
};

/// The length of an offset's digits and colons at the front.
std::size_t offset_size(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789:"), text.size());
}

ZoneOf zone_of(std::string_view text) {
  ZoneOf zone;
  std::size_t dashes = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (is_letter(c)) {
      std::string word;
      for (; at < text.size() && is_letter(text[at]); ++at) word += lower(text[at]);
      if (word == "t") zone.time_of_day = true;
      if (std::ranges::find(plain_words, word) != plain_words.end()) continue;
      zone.named = true;
      zone.other = zone.other || std::ranges::find(utc_words, word) == utc_words.end();
      continue;
    }
    ++at;
    if (c == ':') zone.time_of_day = true;
    if (c == '-') ++dashes;
    // The first two dashes are a date's, unless its time of day, or a blank, came before.
    const bool signs = c == '+' || (c == '-' && (zone.time_of_day || dashes > 2 || (at > 1 && text[at - 2] == ' ')));
    if (!signs || at == text.size() || !is_digit(text[at])) continue;
    const std::size_t size = offset_size(text.substr(at));
    zone.named = true;
    zone.other = zone.other || text.substr(at, size).find_first_not_of("0:") != std::string_view::npos;
    at += size;
  }
  return zone;
}

/// Of what Timestamp::print() gives: "2025-02-01 10:00:00.5", "0044-03-15 00:00:00 BC", "infinity".
std::string part_of(TimeWithoutZone type, const std::string& printed) {
  const std::size_t blank = printed.find(' ');
  if (type == TimeWithoutZone::timestamp || blank == std::string::npos) return printed;
  const std::size_t era = std::min(printed.find(" BC"), printed.size());
  if (type == TimeWithoutZone::time) return printed.substr(blank + 1, era - blank - 1);
  return printed.substr(0, blank) + printed.substr(era);
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

/// Of one time; nullopt as without_zone().
std::optional<std::string> in_utc(const Column& column, std::string_view text) {
  const ZoneOf zone = zone_of(text);
  // A day has no zone, whatever offset stands behind it.
  if (!zone.named || (column.without_zone == TimeWithoutZone::date && !zone.time_of_day)) return std::nullopt;
  auto moment = Timestamp::parse(text);
  if (!moment && column.without_zone == TimeWithoutZone::time)
    moment = Timestamp::parse("2000-01-02 " + std::string(text));
  if (!moment && !zone.other) return std::nullopt;
  if (!moment)
    throw EventError("column " + quoted(column) +
                     " has a type without time zone, and the value is no time in ISO 8601, of which it could be told "
                     "what it is in UTC");
  std::array<char, Timestamp::text_bytes_max> printed;
  return part_of(column.without_zone, {printed.data(), moment->print(printed.data(), false)});
}

}  // namespace

std::optional<std::string> without_zone(const Column& column, std::string_view text) {
  if (text.find_first_of("{[(") == std::string_view::npos) return in_utc(column, text);
  // The bounds of an array, "[1:2]=", stand before its elements.
  std::size_t at = text.find('=') + 1;
  std::string result(text.substr(0, at));
  bool changed = false;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of("{}[](),\"\\", at), text.size());
    const std::string_view one = text.substr(at, end - at);
    const auto moved = in_utc(column, without_blanks(one));
    changed = changed || moved;
    result += moved ? *moved : one;
    result += text.substr(end, 1);
    at = end + 1;
  }
  return changed ? std::optional(result) : std::nullopt;
}

}  // namespace rebuild_projection

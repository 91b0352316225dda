// Without these tests `min` and `max` of timestamps, and rows keyed by one, could be wrong: dates off by a day, zones
// ignored.
#include "pipeline/timestamp.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace rebuild_projection {
namespace {

std::string answer(std::string_view text) {
  const auto moment = Timestamp::parse(text);
  return moment ? moment->to_text() : "refused";
}

using Answers = std::vector<std::pair<std::string, std::string>>;

// Expected: what `SELECT '…'::timestamptz` of PostgreSQL 15 answers in UTC.
TEST(Timestamp, ReadsWhatPeopleAndPostgreSQLWrite) {
  const Answers answers{
      {"2025-02-01 00:00:00.5+00", "2025-02-01 00:00:00.5+00"},
      {"2025-02-01T00:00:00Z", "2025-02-01 00:00:00+00"},
      {"2025-02-01t00:00:00z", "2025-02-01 00:00:00+00"},
      {"2025-02-01T10:00:00+05:30", "2025-02-01 04:30:00+00"},
      {"2025-02-01 10:00:00 +0530", "2025-02-01 04:30:00+00"},
      {"2025-01-01 00:00:00+15:59:59", "2024-12-31 08:00:01+00"},
      {"2025-01-01 00:00:00-15:59", "2025-01-01 15:59:00+00"},
      {"2025-01-01T00:00:00 UTC", "2025-01-01 00:00:00+00"},
      {"2025-02-01", "2025-02-01 00:00:00+00"},
      {" 2025-01-01 ", "2025-01-01 00:00:00+00"},
      {"2025-01-01 10:00", "2025-01-01 10:00:00+00"},
      {"2025-01-01 00:00:00.", "2025-01-01 00:00:00+00"},
      {"12345-06-07 08:09:10", "12345-06-07 08:09:10+00"},
      {"0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"},
      {"2025-01-01 BC", "2025-01-01 00:00:00+00 BC"},
      {"2025-01-01 00:00:00 bc", "2025-01-01 00:00:00+00 BC"},
      {"2025-01-01 00:00:00+00 AD", "2025-01-01 00:00:00+00"},
      {"infinity", "infinity"},
      {"-infinity", "-infinity"},
      {"INFINITY", "infinity"},
      // The next minute, the next day.
      {"2016-12-31 23:59:60Z", "2017-01-01 00:00:00+00"},
      {"2016-12-31 22:59:60.5Z", "2016-12-31 23:00:00.5+00"},
      {"2025-01-01 24:00:00", "2025-01-02 00:00:00+00"},
      {"2025-01-01 24:00", "2025-01-02 00:00:00+00"},
      // Rounded to microseconds as a double is.
      {"2025-01-01 00:00:00.1234565", "2025-01-01 00:00:00.123456+00"},
      {"2025-01-01 00:00:00.1234575", "2025-01-01 00:00:00.123458+00"},
      {"2025-01-01 00:00:00.9999999", "2025-01-01 00:00:01+00"},
      {"2025-01-01 00:00:00.0000005", "2025-01-01 00:00:00+00"},
      {"2025-01-01 00:00:00.120000", "2025-01-01 00:00:00.12+00"},
  };
  for (const auto& [text, expected] : answers) EXPECT_EQ(answer(text), expected) << text;
}

TEST(Timestamp, RefusesWhatIsNoMoment) {
  for (const char* text : {"",
                           " ",
                           "yesterday",
                           "+infinity",
                           "infinity1",
                           "2025-02-30",
                           "2023-02-29",
                           "1900-02-29",
                           "0004-02-29 BC",
                           "0000-01-01",
                           "2025-13-01",
                           "2025-00-01",
                           "2025-01-00",
                           "2025-01-32",
                           "2025-01-01 10",
                           "2025-01-01 00:60:00",
                           "2025-01-01 00:00:61",
                           "2025-01-01 25:00:00",
                           "2025-01-01 24:00:01",
                           "2016-12-31 23:59:60.5Z",
                           "2025-01-01T",
                           "2025-01-01x",
                           "2025-01-01 00:00:00x",
                           "2025-01-01 00:00:00+16",
                           "2025-01-01 00:00:00+05:60",
                           "2025-01-01 00:00:00+",
                           "20250101T",
                           "-2025-01-01",
                           "2025/01/01"})
    EXPECT_EQ(answer(text), "refused") << text;
}

TEST(Timestamp, HasTheRangeOfPostgreSQL) {
  EXPECT_EQ(answer("4714-11-24 00:00:00 BC"), "4714-11-24 00:00:00+00 BC");
  EXPECT_EQ(answer("4714-11-23 23:59:59 BC"), "refused");
  EXPECT_EQ(answer("4714-11-24 00:00:00+01 BC"), "refused");
  EXPECT_EQ(answer("4714-11-23 23:00:00-01 BC"), "4714-11-24 00:00:00+00 BC");
  EXPECT_EQ(answer("294276-12-31 23:59:59.999999"), "294276-12-31 23:59:59.999999+00");
  EXPECT_EQ(answer("294276-12-31 23:59:59.9999999"), "refused");
  EXPECT_EQ(answer("294277-01-01 00:00:00"), "refused");
  EXPECT_EQ(answer("294277-01-01 05:00:00+10"), "294276-12-31 19:00:00+00");
  EXPECT_EQ(answer("999999-01-01"), "refused");
}

TEST(Timestamp, KnowsLeapYears) {
  for (const char* date : {"2024-02-29", "2000-02-29", "1600-02-29"})
    EXPECT_EQ(answer(date), std::string(date) + " 00:00:00+00");
  for (const char* date : {"0001-02-29", "0005-02-29", "0401-02-29"})
    EXPECT_EQ(answer(std::string(date) + " BC"), std::string(date) + " 00:00:00+00 BC");
}

TEST(Timestamp, OrdersMomentsByTime) {
  const std::vector<std::string> ascending{"-infinity",
                                           "4714-11-24 00:00:00+00 BC",
                                           "0002-12-31 23:59:59+00 BC",
                                           "0001-01-01 00:00:00+00 BC",
                                           "0001-01-01 00:00:00+00",
                                           "1969-12-31 23:59:59.999999+00",
                                           "1970-01-01 00:00:00+00",
                                           "2025-01-01 02:00:00+03",
                                           "2024-12-31 23:30:00+00",
                                           "294276-12-31 23:59:59.999999+00",
                                           "infinity"};
  for (std::size_t i = 1; i < ascending.size(); ++i)
    EXPECT_LT(Timestamp::parse(ascending[i - 1]).value(), Timestamp::parse(ascending[i]).value()) << ascending[i];
  EXPECT_EQ(Timestamp::parse("2025-01-01 02:00:00+03"), Timestamp::parse("2024-12-31T23:00:00Z"));
}

// The calendar of the standard library knows years up to 32767.
TEST(Timestamp, AgreesWithTheCalendarOfTheStandardLibrary) {
  using namespace std::chrono;
  constexpr unsigned seed = 7;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const sys_days epoch = year(2000) / 1 / 1;
  const auto check = [&](sys_days day, std::int64_t second) {
    const year_month_day date(day);
    const int number = static_cast<int>(date.year());
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d+00%s", number > 0 ? number : 1 - number,
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(second / 3600), static_cast<int>(second / 60 % 60), static_cast<int>(second % 60),
                  number > 0 ? "" : " BC");
    const Timestamp expected{((day - epoch).count() * std::int64_t{86'400} + second) * 1'000'000};
    ASSERT_EQ(Timestamp::parse(text), expected) << text;
    ASSERT_EQ(expected.to_text(), text);
  };
  for (int i = 0; i < 20'000; ++i)
    check(epoch + days(std::uniform_int_distribution<int>(-2'451'545, 11'238'000)(random)),
          std::uniform_int_distribution<std::int64_t>(0, 86'399)(random));
  for (int i = -800; i <= 800; ++i) check(epoch + days(i), 0);
}

TEST(Timestamp, ReadsBackWhatItWrites) {
  constexpr unsigned seed = 8;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> any(-211'813'488'000'000'000, 9'223'371'331'199'999'999);
  for (int i = 0; i < 20'000; ++i) {
    const Timestamp moment{any(random)};
    ASSERT_EQ(Timestamp::parse(moment.to_text()), moment) << moment.to_text();
  }
  for (const std::int64_t edge : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    EXPECT_EQ(Timestamp::parse(Timestamp{edge}.to_text()), Timestamp{edge});
}

TEST(Timestamp, PrintedFormIsOnlyWhatToTextGives) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    // From the year 1 to 9999, with any number of digits after the point.
    Timestamp moment{std::uniform_int_distribution<std::int64_t>(-63'082'281'600, 252'455'615'999)(random) * 1'000'000};
    for (std::int64_t digit = 100'000; digit > 0 && random() % 4 != 0; digit /= 10)
      moment.microseconds += digit * static_cast<std::int64_t>(random() % 10);
    const std::string text = moment.to_text();
    ASSERT_EQ(Timestamp::parse_printed(text), std::optional(moment)) << text;
    std::string other = text;
    other[random() % other.size()] = "0123456789-+:. T"[random() % 16];
    const auto read = Timestamp::parse_printed(other);
    if (read) {
      ASSERT_EQ(read->to_text(), other) << text;
    }
  }
  for (const char* text :
       {"", "infinity", "2025-01-01", "2025-01-01T00:00:00+00", "2025-01-01 00:00:00", "2025-01-01 00:00:00.0+00",
        "2025-01-01 00:00:00.50+00", "2025-01-01 00:00:00.+00", "2025-01-01 00:00:00.1234567+00",
        "2025-02-29 00:00:00+00", "2025-13-01 00:00:00+00", "2025-01-01 24:00:00+00", "2025-01-01 00:00:60+00",
        "0000-01-01 00:00:00+00", "2025-01-01 00:00:00+01", "0044-03-15 00:00:00+00 BC"})
    EXPECT_EQ(Timestamp::parse_printed(text), std::nullopt) << text;
}

}  // namespace
}  // namespace rebuild_projection

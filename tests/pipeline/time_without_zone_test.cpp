// Without this a time with an offset could reach a column without time zone with its local digits, as PostgreSQL's own
// input leaves them, or a text that names no zone could be changed on its way.
#include "pipeline/time_without_zone.h"

#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

Column column_of(TimeWithoutZone type) {
  return {.name = "c", .without_zone = type};
}

struct Reading {
  TimeWithoutZone type;
  const char* text;
  const char* becomes;  // null: it stays
};

using enum TimeWithoutZone;

TEST(TimeWithoutZone, IsInUtcWhereATextNamesAZone) {
  for (const auto& [type, text, becomes] :
       {Reading{timestamp, "2025-03-01T10:00:00+05:30", "2025-03-01 04:30:00"},
        Reading{timestamp, "2025-03-01 10:00:00.25-0500", "2025-03-01 15:00:00.25"},
        Reading{timestamp, "2025-03-01t10:00+14", "2025-02-28 20:00:00"},
        Reading{timestamp, "0044-03-15 00:30:00+01 BC", "0044-03-14 23:30:00 BC"},
        Reading{date, "2025-03-01T23:30:00-05:00", "2025-03-02"}, Reading{date, "2025-03-01T00:30:00+01", "2025-02-28"},
        Reading{date, "0044-03-15 00:30:00+01 BC", "0044-03-14 BC"}, Reading{time, "10:00:00+02", "08:00:00"},
        Reading{time, "00:30+01:00", "23:30:00"}, Reading{time, "23:59:59.5-01", "00:59:59.5"},
        Reading{time, "2025-07-01T10:00:00+02:00", "08:00:00"},
        // The server refuses this one for a time.
        Reading{time, "2025-07-01T10:00:00Z", "10:00:00"}, Reading{time, "10:00:00-00", "10:00:00"},
        Reading{timestamp, "2025-03-01T10:00:00+00:00", "2025-03-01 10:00:00"},
        Reading{date, "2025-03-01T10:00:00Z", "2025-03-01"}})
    EXPECT_EQ(without_zone(column_of(type), text), becomes) << text;
}

TEST(TimeWithoutZone, StaysWhereATextNamesNoZoneOrIsUtcInAnotherForm) {
  for (const TimeWithoutZone type : {timestamp, date, time})
    for (const char* text :
         {"2025-03-01", "2025-03-01 10:00:00", "20250301", "20250301T100000", "24:00:00", "infinity", "-infinity",
          "epoch", "now", "March 1, 2025", "Sat, 01 Mar 2025 10:00:00 GMT", "01-Mar-2025 10:00 PM", "0044-03-15 BC",
          "5874897-12-31", "J2451187", "12", "", "03/Mar/2025"})
      EXPECT_EQ(without_zone(column_of(type), text), std::nullopt) << text;
  EXPECT_EQ(without_zone(column_of(date), "2025-03-01+05:30"), std::nullopt);  // a day is no moment
}

TEST(TimeWithoutZone, IsRefusedWhereItsZoneCannotBeRead) {
  for (const TimeWithoutZone type : {timestamp, time})
    for (const char* text : {"2025-03-01 10:00 America/New_York", "Sat, 01 Mar 2025 10:00:00 +0530", "10:00 EST",
                             "2025-03-01 10:00 GMT+5", "20250301T100000-0500", "hello", "10:00+99"})
      EXPECT_THROW(without_zone(column_of(type), text), EventError) << text;
}

TEST(TimeWithoutZone, IsSoOfEachTimeInAnArrayOrARange) {
  for (const auto& [type, text, becomes] :
       {Reading{timestamp, "{2025-03-01T10:00+05:30,null,\"2025-03-01 10:00:00\"}",
                "{2025-03-01 04:30:00,null,\"2025-03-01 10:00:00\"}"},
        Reading{timestamp, "[0:1][1:1]={{\"2025-03-01 10:00:00+01\"},{NULL}}",
                "[0:1][1:1]={{\"2025-03-01 09:00:00\"},{NULL}}"},
        Reading{timestamp, "[2025-03-01T10:00+05:30, 2025-03-02T10:00-01)",
                "[2025-03-01 04:30:00,2025-03-02 11:00:00)"},
        Reading{timestamp, "(,\"2025-03-02 10:00-01\"]", "(,\"2025-03-02 11:00:00\"]"},
        Reading{timestamp, "{[-infinity,2025-03-01 10:00+01), (2025-03-02,)}",
                "{[-infinity,2025-03-01 09:00:00), (2025-03-02,)}"},
        Reading{timestamp, R"({empty,"[\"2025-03-01 10:00+01\",infinity]"})",
                R"({empty,"[\"2025-03-01 09:00:00\",infinity]"})"},
        Reading{date, "[2025-03-01T23:30-05:00,)", "[2025-03-02,)"}, Reading{date, "[2025-03-01,2025-03-02]", nullptr},
        Reading{timestamp, "{}", nullptr}, Reading{timestamp, "{2025-03-01,\"2025-03-02 10:00\"}", nullptr},
        Reading{timestamp, "[0:0]={12}", nullptr}, Reading{timestamp, "empty", nullptr},
        Reading{timestamp, "[,]", nullptr}, Reading{timestamp, "{[2025-03-01,2025-03-02)}", nullptr}}) {
    const auto found = without_zone(column_of(type), text);
    EXPECT_EQ(found, becomes == nullptr ? std::nullopt : std::optional<std::string>(becomes)) << text;
  }
  EXPECT_THROW(without_zone(column_of(timestamp), "{10:00 EST}"), EventError);
  EXPECT_THROW(without_zone(column_of(timestamp), "[2025-03-01 10:00 EST,)"), EventError);
}

}  // namespace
}  // namespace rebuild_projection

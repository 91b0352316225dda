// Without this file an offset in a payload could be dropped on one of the ways to a column without time zone, and the
// row would hold another time than the event names, or another one after an update than after an insert.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

/// Every type without time zone, and how its column is written. `filler` decides whether COPY is binary.
struct Way {
  std::string name;
  std::string filler;
  std::uint64_t batch_events;
  Strategy strategy = Strategy::in_place;
  friend void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }
};

class TimesWithoutZone : public testing::TestWithParam<Way> {};

constexpr const char* texts[] = {"2025-03-01T23:30:00-05:00", "2025-07-01 10:00:00+02", "2025-07-01T10:00:00Z",
                                 "2025-07-01 10:00:00", "0044-03-15 00:30:00+01 BC"};

TEST_P(TimesWithoutZone, HoldTheMomentInUtc) {
  Database database;
  database.create_event_store();
  // The server's own zone has no part in it.
  database.execute(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'America/New_York');"
      " END $$; CREATE DOMAIN local AS timestamp; CREATE DOMAIN locals AS timestamp[]");
  database.execute(
      "CREATE TABLE seen (id text PRIMARY KEY, filler " + GetParam().filler +
      ", t timestamp, p timestamp(0), l local, d date, c time, first timestamp, a timestamp[] DEFAULT '{}',"
      " b locals, z timestamptz, literal timestamp, fallback date, r tsrange, q daterange, m tsmultirange)");
  InProcess run(database);
  run.write_projection("seen", R"(
table = "seen"
key = ["id"]
[[on]]
event  = "seen"
key    = { id = "@stream_id" }
set    = { t = "/t", p = "/t", l = "/t", d = "/t", c = "/t", b = "/list", r = "/range", q = "/range", m = "/ranges", z = "/t", literal = { literal = "2025-03-01T10:00:00+05:30" }, fallback = { path = "/none", default = "2025-03-01T23:30:00-05:00" } }
init   = { first = "/t" }
append = { a = "/t" }
)");
  std::uint64_t number = 0;
  for (const char* round : {"first", "second"})  // a row is made, and changed
    for (const char* text : texts) {
      ++number;
      database.append(number, number, "seen", text,
                      "{\"t\": \"" + std::string(text) + "\", \"list\": \"{\\\"" + text +
                          "\\\",NULL}\", \"range\": \"[" + text + ",)\", \"ranges\": \"{[\\\"" + text +
                          "\\\",)}\", \"round\": \"" + round + "\"}");
    }
  run.options.batch_events = GetParam().batch_events;
  run.options.strategy = GetParam().strategy;
  const Report report = run.apply();
  ASSERT_EQ(report.exit_code(), 0) << report.ending_detail;
  // What the server makes of the text where it has a zone, in UTC.
  database.execute("SET timezone = 'UTC'");
  EXPECT_EQ(
      database.rows("WITH x AS (SELECT s.*, (s.id::timestamptz AT TIME ZONE 'UTC') AS utc FROM seen s) SELECT id FROM x"
                    " WHERE t IS DISTINCT FROM utc OR p IS DISTINCT FROM utc OR l IS DISTINCT FROM utc"
                    "  OR d IS DISTINCT FROM utc::date OR c IS DISTINCT FROM utc::time OR first IS DISTINCT FROM utc"
                    "  OR a IS DISTINCT FROM ARRAY[utc, utc] OR b IS DISTINCT FROM ARRAY[utc, NULL]::timestamp[]"
                    "  OR r IS DISTINCT FROM tsrange(utc, NULL) OR q IS DISTINCT FROM daterange(utc::date, NULL)"
                    "  OR m IS DISTINCT FROM tsmultirange(tsrange(utc, NULL))"
                    "  OR z IS DISTINCT FROM id::timestamptz OR literal <> '2025-03-01 04:30:00'"
                    "  OR fallback <> '2025-03-02'"),
      Lines{});
  EXPECT_EQ(database.value("SELECT count(*) FROM seen"), std::to_string(std::size(texts)));
  run.options.mode = Mode::verify;
  run.options.strategy = Strategy::in_place;
  EXPECT_EQ(run.apply().exit_code(), 0);
}

INSTANTIATE_TEST_SUITE_P(Ways, TimesWithoutZone,
                         testing::Values(Way{"CopyBinary", "integer", 1000}, Way{"CopyText", "interval", 1000},
                                         Way{"RowByRow", "integer", 1}, Way{"Merge", "timestamptz DEFAULT now()", 1000},
                                         Way{"Shadow", "integer", 1000, Strategy::shadow}),
                         [](const auto& one) { return one.param.name; });

TEST(TimesWithoutZoneTest, AZoneThatCannotBeReadIsAnErrorOfItsEvent) {
  Database database;
  database.create_event_store();
  database.execute("CREATE TABLE seen (id text PRIMARY KEY, t timestamp)");
  InProcess run(database);
  run.write_projection("seen",
                       "table = \"seen\"\nkey = [\"id\"]\n[[on]]\nevent = \"seen\"\nkey = { id = \"@stream_id\" }\n"
                       "set = { t = \"/t\" }\n");
  database.append(1, 1, "seen", "a", R"({"t": "2025-03-01 10:00 America/New_York"})");
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_NE(report.ending_detail.find("column \"t\" has a type without time zone"), std::string::npos)
      << report.ending_detail;
  EXPECT_NE(report.ending_detail.find(event_id(1)), std::string::npos);
}

}  // namespace
}  // namespace rebuild_projection::test

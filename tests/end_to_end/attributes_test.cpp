// Without this file an event's own id, stream or moment, which mostly travels as the server sent it, could reach a
// column as something else than the store holds.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

/// The types of the store's columns.
struct Shape {
  std::string name, id, make_id, stream, make_stream, ts;
  friend void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }
};
const std::vector<Shape> shapes{
    {"uuids_and_timestamptz", "uuid", "md5(n::text)::uuid", "uuid", "md5((n % 7)::text)::uuid", "timestamptz"},
    {"uuids_and_timestamp", "uuid", "md5(n::text)::uuid", "uuid", "md5((n % 7)::text)::uuid", "timestamp"},
    {"numbers", "bigint", "n - 5", "integer", "n % 7 - 3", "timestamptz"},
    {"small_numbers_and_timestamp", "integer", "n", "smallint", "-(n % 7)", "timestamp"},
    {"texts", "text", "'id ' || n", "varchar(40)", "md5((n % 7)::text)::uuid::text", "timestamptz"},
};

class Attributes : public testing::TestWithParam<Shape> {
 protected:
  Attributes() : run(database) {
    const Shape& shape = GetParam();
    database.execute(
        "CREATE TABLE event_store (event_id " + shape.id + " PRIMARY KEY, ts " + shape.ts +
        " NOT NULL, event_type text NOT NULL DEFAULT 'happened', aggregate_id " + shape.stream +
        " NOT NULL, payload jsonb NOT NULL DEFAULT '{}');"
        "SET timezone = 'UTC';"
        "INSERT INTO event_store (event_id, ts, aggregate_id) SELECT " +
        shape.make_id + ", t, " + shape.make_stream +
        " FROM (SELECT n, coalesce((ARRAY['infinity', '-infinity', '4714-11-24 00:00:00 BC', '0044-03-15 12:00:00.5 "
        "BC', '9999-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999', '1999-12-31 23:59:59.9', '2000-01-01'])"
        "[n / 10]::timestamp, timestamp '2025-02-01' + n * interval '7 hours 0.000017 seconds') AS t"
        " FROM generate_series(0, 99) n) AS e");
  }

  Database database;
  InProcess run;
};

constexpr std::string_view columns =
    "id_text text, stream_text varchar, stream_char char(40), at timestamptz, at_local timestamp, at_text "
    "text, first_at timestamptz, earliest timestamptz, latest timestamp";

TEST_P(Attributes, ReachColumnsOfTheirOwnAndOfOtherTypes) {
  const Shape& shape = GetParam();
  const std::string own = ", own_id " + shape.id + ", own_stream " + shape.stream;
  database.execute("CREATE TABLE by_event (id " + shape.id + " PRIMARY KEY, " + std::string(columns) + own +
                   "); CREATE TABLE by_stream (stream " + shape.stream + " PRIMARY KEY, " + std::string(columns) + own +
                   "); CREATE TABLE by_moment (moment " + shape.ts +
                   " PRIMARY KEY, events bigint NOT NULL DEFAULT 0); CREATE TABLE by_text (stream text, at timestamptz,"
                   " events bigint NOT NULL DEFAULT 0, PRIMARY KEY (stream, at))");
  const std::string changes =
      "set = { id_text = \"@event_id\", stream_text = \"@stream_id\", stream_char = \"@stream_id\", at = \"@ts\", "
      "at_local = \"@ts\", at_text = \"@ts\", own_id = \"@event_id\", own_stream = \"@stream_id\" }\n"
      "init = { first_at = \"@ts\" }\nmin = { earliest = \"@ts\" }\nmax = { latest = \"@ts\" }\n";
  const std::string on = "\n[[on]]\nevent = \"happened\"\n";
  run.write_projection("by_event",
                       "table = \"by_event\"\nkey = [\"id\"]" + on + "key = { id = \"@event_id\" }\n" + changes);
  run.write_projection(
      "by_stream", "table = \"by_stream\"\nkey = [\"stream\"]" + on + "key = { stream = \"@stream_id\" }\n" + changes);
  run.write_projection("by_moment", "table = \"by_moment\"\nkey = [\"moment\"]" + on +
                                        "key = { moment = \"@ts\" }\nadd = { events = 1 }\n");
  run.write_projection("by_text", "table = \"by_text\"\nkey = [\"stream\", \"at\"]" + on +
                                      "key = { stream = \"@stream_id\", at = \"@ts\" }\nadd = { events = 1 }\n");

  const auto expect_equal = [&](const std::string& table, const std::string& expected) {
    SCOPED_TRACE(table);
    database.execute("SET timezone = 'UTC'");
    EXPECT_EQ(database.rows("TABLE " + table + " EXCEPT ALL (" + expected + ")"), std::vector<std::string>{});
    EXPECT_EQ(database.rows("(" + expected + ") EXCEPT ALL TABLE " + table), std::vector<std::string>{});
  };
  const auto expected = [](const std::string& key, const std::string& first, const std::string& earliest,
                           const std::string& latest) {
    return key +
           ", event_id::text, aggregate_id::text, aggregate_id::text::char(40), "
           "ts::timestamptz, ts::timestamp, ts::text, " +
           first + "::timestamptz, " + earliest + "::timestamptz, " + latest +
           "::timestamp, event_id, aggregate_id FROM event_store";
  };
  for (const std::uint64_t batch_events : {1000U, 7U}) {
    SCOPED_TRACE(batch_events);
    run.options.batch_events = batch_events;
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    expect_equal("by_event", "SELECT " + expected("event_id", "ts", "ts", "ts"));
    expect_equal("by_stream",
                 "SELECT DISTINCT ON (event_store.aggregate_id) " +
                     expected("aggregate_id", "first_value(ts) OVER s", "min(ts) OVER s", "max(ts) OVER s") +
                     " WINDOW s AS (PARTITION BY aggregate_id ORDER BY ts, event_id ROWS BETWEEN UNBOUNDED PRECEDING "
                     "AND UNBOUNDED FOLLOWING) ORDER BY event_store.aggregate_id, event_store.ts DESC, "
                     "event_store.event_id DESC");
    expect_equal("by_moment", "SELECT ts, count(*) FROM event_store GROUP BY ts");
    expect_equal("by_text", "SELECT aggregate_id::text, ts::timestamptz, count(*) FROM event_store GROUP BY 1, 2");
  }
}

TEST_P(Attributes, AreComparedByConditions) {
  database.execute("CREATE TABLE picked (id text PRIMARY KEY); SET timezone = 'UTC'");
  const std::string picked =
      database.rows("SELECT event_id FROM event_store ORDER BY ts, event_id LIMIT 1 OFFSET 40")[0];
  const std::string stream = database.rows("SELECT min(aggregate_id::text) FROM event_store")[0];
  const std::string on = "[[on]]\nevent = \"happened\"\nkey = { id = \"@event_id\" }\n";
  run.write_projection("picked", "table = \"picked\"\nkey = [\"id\"]\n" + on + "when = { \"@event_id\" = \"" + picked +
                                     "\" }\n" + on + "when = { \"@stream_id\" = \"" + stream + "\" }\n" + on +
                                     "when = { \"@ts\" = [\"infinity\", \"1999-12-31T23:59:59.9Z\"] }\n");
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
  EXPECT_EQ(database.rows("SELECT id FROM picked ORDER BY id COLLATE \"C\""),
            database.rows("SELECT event_id::text FROM event_store WHERE event_id::text = '" + picked +
                          "' OR aggregate_id::text = '" + stream +
                          "' OR ts IN ('infinity', '1999-12-31 23:59:59.9') ORDER BY event_id::text COLLATE \"C\""));
}

INSTANTIATE_TEST_SUITE_P(Store, Attributes, testing::ValuesIn(shapes), [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace rebuild_projection::test

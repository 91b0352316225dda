// Without this file an event that the server refuses could take other events with it, or cost a large batch a reading
// of the store for each halving, and valid data could be refused for the order in which rows are written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t all_events = 1'000'000'000;  // in one batch

class RefusedRowsTest : public testing::Test {
 protected:
  RefusedRowsTest() : run(database) {
    database.create_event_store();
    run.options.on_error = OnError::skip;
  }

  /// Events 1 to `last` of one type, of which each happens at a second of its own; SQL over `n` says the rest.
  void append(std::uint64_t last, const std::string& stream, const std::string& payload) {
    database.execute(
        "INSERT INTO event_store SELECT lpad(to_hex(n), 32, '0')::uuid, timestamptz '2025-01-01Z' + n * interval '1 s',"
        " 'happened', " +
        stream + ", " + payload + " FROM generate_series(1, " + std::to_string(last) + ") AS n");
  }

  /// Two queries give the same rows.
  void expect_rows(const std::string& actual, const std::string& expected) {
    EXPECT_THAT(database.rows("((" + actual + ") EXCEPT ALL (" + expected + ")) UNION ALL ((" + expected +
                              ") EXCEPT ALL (" + actual + ")) LIMIT 5"),
                IsEmpty());
  }

  /// Tuples of the store that sessions fetched since the last call. A session's are counted before it is gone.
  std::uint64_t fetched() {
    while (database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                          " AND application_name LIKE 'rebuild_projection%'") != "0")
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    database.value("SELECT pg_stat_force_next_flush()");  // what this session did itself
    const std::uint64_t now =
        std::stoull(database.value("SELECT pg_stat_get_tuples_fetched(oid) + pg_stat_get_tuples_returned(oid)"
                                   " FROM pg_class WHERE relname = 'event_store'"));
    return now - std::exchange(fetched_, now);
  }

  /// Every strategy, and batches of one event, of some, of all, and of more than memory holds.
  template <typename Expect>
  void for_every_way(const Expect& expect) {
    for (const Strategy strategy : {Strategy::in_place, Strategy::shadow})
      for (const std::uint64_t batch : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{200}, all_events}) {
        SCOPED_TRACE((strategy == Strategy::shadow ? "shadow, batches of " : "in place, batches of ") +
                     std::to_string(batch));
        run.options.strategy = strategy;
        run.options.batch_events = batch;
        run.options.memory_bytes_max = batch == all_events ? std::uint64_t{16} << 20 : 0;
        expect(run.apply());
      }
  }

  Database database;
  InProcess run;

 private:
  std::uint64_t fetched_ = 0;
};

TEST_F(RefusedRowsTest, AnyNumberOfEventsCostsOneMoreReading) {
  constexpr std::uint64_t events = 10'000;
  database.execute("CREATE TABLE parcels (id text PRIMARY KEY, code varchar(8), note text)");
  run.write_projection("parcels",
                       "table = \"parcels\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                       "key = { id = \"@stream_id\" }\nset = { code = \"/code\", note = \"/note\" }\n");
  run.options.batch_events = all_events;
  run.options.memory_bytes_max = std::uint64_t{16} << 20;
  for (const Strategy strategy : {Strategy::in_place, Strategy::shadow}) {
    run.options.strategy = strategy;
    for (const std::uint64_t bad : {0, 1, 100}) {
      SCOPED_TRACE(bad);
      const std::string every = std::to_string(events / std::max<std::uint64_t>(bad, 1));
      database.execute("TRUNCATE event_store");
      append(events, "md5(n::text)",
             "jsonb_build_object('code', CASE WHEN n % " + every + " = " + (bad == 0 ? every : "7") +
                 " THEN 'far too long a code' ELSE 'c' || n % 1000 END, 'note', repeat(md5(n::text), 8))");
      static_cast<void>(fetched());
      const Report report = run.apply();
      EXPECT_EQ(report.exit_code(), bad == 0 ? 0 : 2);
      EXPECT_EQ(report.batches, 1U);
      EXPECT_EQ(report.projections.at(0).skipped, bad);
      // Counted before and after, found and read; and found and read once more.
      EXPECT_LE(fetched(), (bad == 0 ? 5 : 7) * events);
      expect_rows("TABLE parcels",
                  "SELECT aggregate_id, payload->>'code', payload->>'note' FROM event_store"
                  " WHERE length(payload->>'code') <= 8");
      expect_rows("SELECT event_id FROM rebuild_projection.rebuild_dead_letters",
                  "SELECT event_id::text FROM event_store WHERE length(payload->>'code') > 8");
    }
  }
}

/// Where many are refused, rows and events of every kind are judged alike.
TEST_F(RefusedRowsTest, EveryOtherEventMayBeRefused) {
  database.execute("CREATE TABLE sums (id text PRIMARY KEY, sum smallint NOT NULL DEFAULT 0 CHECK (sum >= 0))");
  run.write_projection("sums",
                       "table = \"sums\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                       "key = { id = \"@stream_id\" }\nadd = { sum = \"/n\" }\n");
  for (const std::string row : {"'s' || n % 700", "'s' || n / 2 % 9"}) {
    database.execute("TRUNCATE event_store");
    append(1'500, row, "jsonb_build_object('n', CASE n % 2 WHEN 1 THEN 40000 ELSE n % 9 END)");
    for (const std::uint64_t batch : {std::uint64_t{1}, std::uint64_t{100}, all_events}) {
      SCOPED_TRACE(row + " in batches of " + std::to_string(batch));
      run.options.batch_events = batch;
      EXPECT_EQ(run.apply().projections.at(0).skipped, 750U);
      expect_rows("TABLE sums",
                  "SELECT " + row + ", sum(n % 9)::smallint FROM generate_series(2, 1500, 2) AS n GROUP BY 1");
    }
  }
}

/// An event that changes several rows is left out of all of them, and no other event is.
TEST_F(RefusedRowsTest, AnEventIsLeftOutAsAWhole) {
  constexpr std::uint64_t events = 600;
  database.execute("CREATE TABLE scores (id text PRIMARY KEY, score smallint NOT NULL DEFAULT 0, last text)");
  run.write_projection("scores",
                       "table = \"scores\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\nfor_each = \"/of/*\"\n"
                       "key = { id = \"./id\" }\nadd = { score = \"./score\" }\nset = { last = \"@event_id\" }\n"
                       "[[on]]\nevent = \"happened\"\nwhen = { \"/gone\" = true }\nkey = { id = \"@stream_id\" }\n"
                       "delete = true\n");
  // One to four rows each, of which the last is out of range in every 29th event.
  append(
      events, "'s' || n % 97",
      "jsonb_build_object('gone', n % 41 = 0 AND n % 97 NOT IN (SELECT m * (1 + m % 4) * 31 % 97"
      " FROM generate_series(3, 600, 29) AS m), 'of', (SELECT jsonb_agg(jsonb_build_object('id', 's' || n * part * 31"
      " % 97, 'score', CASE WHEN n % 29 = 3 AND part = 1 + n % 4 THEN 40000 ELSE n % 5 END) ORDER BY part)"
      " FROM generate_series(1, 1 + n % 4) AS part))");
  for_every_way([&](const Report& report) {
    EXPECT_EQ(report.exit_code(), 2) << report.ending_detail;
    EXPECT_EQ(report.projections.at(0).skipped, 21U);
    EXPECT_EQ(database.value("SELECT count(*) FROM rebuild_projection.rebuild_dead_letters d"
                             " WHERE ('x' || right(event_id, 8))::bit(32)::integer % 29 = 3"),
              "21");
    // After its last deletion a row holds what came since, of events that are not left out.
    expect_rows("TABLE scores",
                "WITH good AS (SELECT event_id::text AS id, ('x' || right(event_id::text, 8))::bit(32)::integer AS n,"
                " aggregate_id, payload FROM event_store), kept AS (SELECT * FROM good WHERE n % 29 <> 3),"
                " parts AS (SELECT kept.id AS event, n, part->>'id' AS id, (part->>'score')::integer AS score, at"
                "  FROM kept, jsonb_array_elements(payload->'of') WITH ORDINALITY AS p(part, at)),"
                " gone AS (SELECT aggregate_id AS id, max(n) AS n FROM kept WHERE payload->>'gone' = 'true' GROUP BY 1)"
                " SELECT parts.id, sum(score)::smallint, (array_agg(event ORDER BY parts.n DESC))[1]"
                " FROM parts LEFT JOIN gone USING (id) WHERE gone.n IS NULL OR parts.n > gone.n GROUP BY 1");
  });
}

/// Of two rows that want one value the later event's loses, wherever the rows stand in the table's order.
TEST_F(RefusedRowsTest, TheLaterEventIsToBlameForAValueThatAnotherRowHas) {
  database.execute("CREATE TABLE names (id text PRIMARY KEY, name text UNIQUE, note varchar(8))");
  run.write_projection(
      "names",
      "table = \"names\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\nkey = { id = \"@stream_id\" }\n"
      "set = { name = \"/name\", note = \"/note\" }\n");
  // Every third event wants the name of the event before the last. In every third of these cases the name is free
  // again, and once that event was refused itself. The streams descend.
  append(300, "'s' || 1000 - n",
         "jsonb_build_object('name', 'n' || CASE WHEN n % 3 = 0 THEN n - 2 ELSE n END, 'note', CASE WHEN n = 100 THEN"
         " 'far too long a note' ELSE 'note' END)");
  database.execute(
      "INSERT INTO event_store SELECT gen_random_uuid(), timestamptz '2025-01-01Z' + (n + 0.5) * interval '1 s',"
      " 'happened', 's' || 1000 - n, jsonb_build_object('name', 'free' || n) FROM generate_series(7, 300, 9) AS n");
  for_every_way([&](const Report& report) {
    EXPECT_EQ(report.exit_code(), 2) << report.ending_detail;
    EXPECT_EQ(report.projections.at(0).skipped, 67U);  // 100 less 33 less one, and event 100
    expect_rows("TABLE names",
                "SELECT 's' || 1000 - n, CASE WHEN n % 9 = 7 THEN 'free' || n WHEN n % 3 = 0 THEN 'n' || n - 2 ELSE"
                " 'n' || n END, 'note' FROM generate_series(1, 300) AS n"
                " WHERE (n % 3 <> 0 AND n <> 100) OR n % 9 = 0 OR n = 102");
  });
}

/// Rows hand values that must be unique to one another, some in a circle, and in the order that suits no writer.
TEST_F(RefusedRowsTest, ValidDataIsWrittenWhateverTheOrderOfItsRows) {
  constexpr std::uint64_t rows = 5'000;
  database.execute("CREATE TABLE seats (id integer PRIMARY KEY, seat text UNIQUE, note text)");
  run.write_projection("seats",
                       "table = \"seats\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\nkey = { id = \"/id\" }\n"
                       "set = { seat = \"/seat\", note = \"/note\" }\n");
  run.options.on_error = OnError::stop;
  run.options.memory_bytes_max = std::uint64_t{16} << 20;
  run.options.batch_events = all_events;
  unsigned day = 1;
  const auto move = [&](const std::string& seat, const std::string& ids, const std::string& order) {
    database.execute(
        "INSERT INTO event_store SELECT gen_random_uuid(), timestamptz '2025-01-01Z' + interval '1 day' * " +
        std::to_string(day++) + " + interval '1 ms' * " + order +
        ", 'happened', NULL, jsonb_build_object('id', n, 'seat', " + seat +
        ", 'note', repeat(md5(n::text), 40)) FROM " + ids + " AS n");
  };
  const auto apply = [&] {
    static_cast<void>(fetched());
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    EXPECT_EQ(report.batches, 1U);
    EXPECT_GT(report.spilled_bytes, 0U);
    expect_rows("SELECT id, seat FROM seats",
                "SELECT DISTINCT ON (payload->>'id') (payload->>'id')::integer, payload->>'seat' FROM event_store"
                " ORDER BY payload->>'id', ts DESC");
  };
  const std::string row = "generate_series(1, " + std::to_string(rows) + ")", pair = "generate_series(-1, 0)";
  move("'seat ' || n", row, "n");
  move("'pair ' || n", pair, "n");
  apply();
  run.options.resume = true;
  // The last row moves up first, and the others after it; or the first row moves down first. Two swap their seats.
  for (const bool up : {true, false}) {
    SCOPED_TRACE(up ? "up" : "down");
    move(up ? "'seat ' || n + 1" : "'seat ' || n", row, up ? "-n" : "n");
    move("'aside ' || n", pair, "n");
    move(up ? "'pair ' || -1 - n" : "'pair ' || n", pair, "n");
    apply();
    EXPECT_LE(fetched(), 7 * std::stoull(database.value("SELECT count(*) FROM event_store")));
  }
}

/// A row that is not refused keeps what its events did, though some of them alone would have been refused.
TEST_F(RefusedRowsTest, RowsAreJudgedAtTheEndOfTheBatchWhateverHappensToOthers) {
  database.execute("CREATE TABLE judged (id text PRIMARY KEY, n integer CHECK (n > 0))");
  run.write_projection("judged",
                       "table = \"judged\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                       "key = { id = \"@stream_id\" }\nset = { n = \"/n\" }\n");
  append(40, "'s' || n % 20",
         "jsonb_build_object('n', CASE WHEN n = 29 THEN -29 WHEN n <= 20 AND n <> 9 THEN -n ELSE n END)");
  const Report report = run.apply();
  EXPECT_THAT(run.dead_letters("judged"), ElementsAre(event_id(29)));
  expect_rows("TABLE judged",
              "SELECT 's' || n % 20, CASE n WHEN 29 THEN 9 ELSE n END FROM generate_series(21, 40) AS n");
  EXPECT_EQ(report.projections.at(0).skipped, 1U);
}

TEST_F(RefusedRowsTest, TheFirstOfThemIsNamedWhereErrorsStopTheRun) {
  database.execute("CREATE TABLE parcels (id text PRIMARY KEY, code varchar(8))");
  run.write_projection("parcels",
                       "table = \"parcels\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                       "key = { id = \"@stream_id\" }\nset = { code = \"/code\" }\n");
  append(5'000, "'s' || 10000 - n",
         "jsonb_build_object('code', CASE WHEN n % 1000 = 777 THEN 'far too long' ELSE 'c' END)");
  run.options.on_error = OnError::stop;
  for (const std::uint64_t batch : {std::uint64_t{1}, std::uint64_t{100}, all_events}) {
    run.options.batch_events = batch;
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 2);
    EXPECT_THAT(report.ending_detail, AllOf(HasSubstr(event_id(777)), HasSubstr("column \"code\"")));
    const std::uint64_t whole = batch == all_events ? 0 : 776 / batch * batch;
    EXPECT_EQ(database.value("SELECT count(*) FROM parcels"), std::to_string(whole));
    database.execute("DELETE FROM parcels");
  }
}

/// Foreign keys refer to rows that are no projection's; they and other constraints may be judged late.
TEST_F(RefusedRowsTest, ConstraintsThatAreDeferredAreJudgedWithTheRow) {
  database.execute(
      "CREATE TABLE countries (id text PRIMARY KEY); INSERT INTO countries VALUES ('de'), ('fr');"
      "CREATE TABLE people (id text PRIMARY KEY, country text REFERENCES countries DEFERRABLE INITIALLY DEFERRED,"
      " number integer UNIQUE DEFERRABLE)");
  run.write_projection("people",
                       "table = \"people\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                       "key = { id = \"@stream_id\" }\nset = { country = \"/country\", number = \"/number\" }\n");
  append(500, "'s' || 1000 - n",
         "jsonb_build_object('country', CASE WHEN n % 50 = 17 THEN 'nowhere' ELSE 'de' END,"
         " 'number', CASE WHEN n % 50 = 18 THEN n - 2 ELSE n END)");
  for (const std::uint64_t batch : {std::uint64_t{1}, std::uint64_t{40}, all_events}) {
    SCOPED_TRACE(batch);
    run.options.batch_events = batch;
    const Report report = run.apply();
    EXPECT_EQ(report.projections.at(0).skipped, 20U) << report.ending_detail;
    expect_rows("TABLE people",
                "SELECT 's' || 1000 - n, 'de', n FROM generate_series(1, 500) AS n WHERE n % 50 NOT IN (17, 18)");
  }
}

}  // namespace
}  // namespace rebuild_projection::test

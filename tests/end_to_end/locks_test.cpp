// Without this file a rebuild could stop the application: what tools/production.md says about locks are these tests.
// The program is held at known points by another client; nothing depends on time.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using Rows = std::vector<std::string>;

class LocksTest : public testing::Test {
 protected:
  LocksTest() {
    store.append(1, 1200);
    store.always = {"--fence", "off"};
  }

  std::unique_ptr<Program> start(std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY"});
    return std::make_unique<Program>(store.with_places(more));
  }
  /// The locks that the program's sessions hold or wait for on tables of this name's projection, store or index.
  Rows locks_on(const std::string& table) {
    return store.database.rows(
        "SELECT DISTINCT mode FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'relation'"
        " AND datname = current_database() AND application_name LIKE 'rebuild\\_projection/%' AND relation IN"
        " (SELECT '" +
        table + "'::regclass UNION SELECT indexrelid FROM pg_index WHERE indrelid = '" + table +
        "'::regclass) ORDER BY mode");
  }
  bool becomes(const std::string& query, const std::string& value) {
    for (int attempt = 0; attempt < 600; ++attempt) {
      if (store.database.value(query) == value) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  /// Rows that another client could change at once.
  std::string free_rows(const std::string& table) {
    return store.database.value("SELECT count(*) FROM (SELECT FROM " + table + " FOR UPDATE SKIP LOCKED) AS rows");
  }
  std::string all_rows(const std::string& table) { return store.database.value("SELECT count(*) FROM " + table); }
  void expect_success(Program& program) {
    const Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
  }

  Recruiting store;
};

TEST_F(LocksTest, NothingStrongerThanAccessShareOnTheStore) {
  OtherClient other(store.database);
  other.execute("LOCK TABLE event_store IN EXCLUSIVE MODE");  // which conflicts with every other mode
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--truncate"}, {"--max-events", "700"}})
    EXPECT_EQ(store.apply("all", more).exit_code, 0);
  EXPECT_EQ(store.dry_run("all").exit_code, 0);
}

TEST_F(LocksTest, DryRunTakesNothingStrongerThanAccessShareOnTheTables) {
  OtherClient other(store.database);
  other.execute("LOCK TABLE event_rows, stages, counters IN EXCLUSIVE MODE");
  EXPECT_EQ(store.dry_run("all").exit_code, 0);
}

TEST_F(LocksTest, VerifyTakesNothingStrongerThanAccessShareAndNoAdvisoryLock) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient other(store.database);
  other.execute("LOCK TABLE event_store, event_rows, stages, counters IN EXCLUSIVE MODE");
  for (const char* table : {"event_rows", "stages", "counters"})  // as a rebuild does
    other.execute("SELECT pg_advisory_lock(1919246965, '" + std::string(table) + "'::regclass::oid::integer)");
  EXPECT_EQ(store.run({"--projection", "all", "--mode", "VERIFY"}).exit_code, 0);
}

TEST_F(LocksTest, WritersOfTheTablesGoOnAllTheTime) {
  OtherClient other(store.database);
  for (const char* table : {"event_rows", "stages", "counters"})
    other.execute("LOCK TABLE " + std::string(table) + " IN ROW EXCLUSIVE MODE");  // as INSERT, UPDATE and DELETE do
  EXPECT_EQ(store.apply("all").exit_code, 0);
}

TEST_F(LocksTest, OnlyAnalyzeWaitsForVacuum) {
  OtherClient other(store.database);
  other.execute("LOCK TABLE event_rows IN SHARE UPDATE EXCLUSIVE MODE");  // as VACUUM and CREATE INDEX CONCURRENTLY do
  const auto program = start({});
  ASSERT_TRUE(store.wait_until_blocked());
  EXPECT_EQ(locks_on("event_rows"), Rows{"ShareUpdateExclusiveLock"});
  EXPECT_EQ(store.checkpoint("state, events", "event_rows"), "complete|1200");
  other.execute("ROLLBACK");
  expect_success(*program);
}

TEST_F(LocksTest, TheFirstBatchLocksEveryOldRowAndReadersSeeThem) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient other(store.database);
  other.execute("SELECT FROM rebuild_projection.rebuild_checkpoints FOR UPDATE");  // reset after the tables are cleared
  const auto program = start({"--batch-size", "100"});
  ASSERT_TRUE(store.wait_until_blocked());
  EXPECT_EQ(locks_on("event_rows"), Rows{"RowExclusiveLock"});
  EXPECT_EQ(all_rows("event_rows"), "1200");
  EXPECT_EQ(free_rows("event_rows"), "0");
  other.execute("ROLLBACK");
  expect_success(*program);
}

TEST_F(LocksTest, ALaterBatchLocksTheRowsThatItWrites) {
  OtherClient other(store.database);
  other.execute("INSERT INTO event_rows VALUES ('" + event_id(500) + "')");
  const auto program = start({"--batch-size", "100"});  // counters, event_rows, stages: in the order of their names
  ASSERT_TRUE(store.wait_until_blocked());
  EXPECT_EQ(locks_on("event_rows"), Rows{"RowExclusiveLock"});
  EXPECT_EQ(all_rows("event_rows"), "400");
  EXPECT_EQ(free_rows("event_rows"), "400");
  EXPECT_EQ(all_rows("counters"), "7");
  EXPECT_EQ(free_rows("counters"), "0");
  EXPECT_EQ(free_rows("stages"), "7");
  other.execute("ROLLBACK");
  expect_success(*program);
}

TEST_F(LocksTest, NoSnapshotOfTheStoreIsHeldWhileABatchWaits) {
  // Nothing more is read while every page that may be in flight is, and after the last event.
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--tokens", "1"}, {"--tokens", "2"}, {"--tokens", "8", "--max-events", "300"}}) {
    store.database.execute("DELETE FROM event_rows");
    OtherClient other(store.database);
    other.execute("INSERT INTO event_rows VALUES ('" + event_id(150) + "')");
    std::vector<std::string> arguments{"--batch-size", "100"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto program = start(arguments);
    ASSERT_TRUE(store.wait_until_blocked());
    EXPECT_TRUE(
        becomes("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'rebuild_projection/read' AND (state <> 'idle' OR backend_xmin IS NOT NULL)",
                "0"))
        << more.back();
    EXPECT_EQ(locks_on("event_store"), Rows{});
    other.execute("ROLLBACK");
    EXPECT_EQ(store.result_of(*program).exit_code, 0);
  }
}

TEST_F(LocksTest, TruncateLocksReadersOutUntilTheFirstBatchIsCommitted) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient other(store.database);
  other.execute("SELECT FROM rebuild_projection.rebuild_checkpoints FOR UPDATE");
  const auto program = start({"--batch-size", "100", "--truncate"});
  ASSERT_TRUE(store.wait_until_blocked());
  for (const char* table : {"event_rows", "stages", "counters"})
    EXPECT_EQ(locks_on(table).at(0), "AccessExclusiveLock") << table;
  other.execute("ROLLBACK");
  expect_success(*program);
}

TEST_F(LocksTest, BetweenBatchesAndAfterTruncateNothingStrongIsHeld) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string store_file = store.store_that_waits_at(900);
  OtherClient reading(store.database);
  reading.execute("SELECT pg_advisory_lock(42)");
  const auto program = start({"--batch-size", "100", "--truncate", "--store", store_file});
  ASSERT_TRUE(store.wait_until_blocked());
  ASSERT_TRUE(becomes("SELECT count(*) FROM event_rows WHERE event_id = '" + event_id(100) + "' AND " +
                          "(SELECT count(*) FROM event_rows) < 900",
                      "1"));
  {
    OtherClient strongest(store.database);  // granted between two batches, while the program runs
    strongest.execute("SET LOCAL lock_timeout = '30s'");
    for (const char* table : {"counters", "event_rows", "stages"})  // the order in which a batch writes: no deadlock
      strongest.execute("LOCK TABLE " + std::string(table) + " IN ACCESS EXCLUSIVE MODE");
  }
  OtherClient writing(store.database);
  writing.execute("INSERT INTO event_rows VALUES ('" + event_id(950) + "')");
  reading.execute("ROLLBACK");
  reading.execute("SELECT pg_advisory_unlock_all()");
  ASSERT_TRUE(
      becomes("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND application_name ^@ 'rebuild_projection/commit' AND wait_event_type = 'Lock'",
              "1"));
  EXPECT_EQ(locks_on("event_rows"), Rows{"RowExclusiveLock"});
  writing.execute("ROLLBACK");
  expect_success(*program);
}

}  // namespace
}  // namespace rebuild_projection::test

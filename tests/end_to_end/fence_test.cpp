// Without this file a run could end at a position that an open transaction has yet to pass: its event would be skipped
// for ever, by this run and by every resume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/support/live_store.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class FenceTest : public LiveStore {
 protected:
  FenceTest() {
    store.database.execute("CREATE TABLE elsewhere (n integer)");
    append(1, 100);
  }
};

TEST_F(FenceTest, WaitsForATransactionThatHasOnlyDrawnItsTime) {
  OtherClient writer(store.database);
  writer.value("SELECT now()");
  append(102, 110);
  const auto program = start();
  ASSERT_TRUE(store.wait_until_at_fence());
  writer.execute(insert(101, 101) + "; COMMIT");
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["late_events"], "");
  expect_whole(110);
}

TEST_F(FenceTest, WaitsForAPreparedTransaction) {
  OtherClient writer(store.database);
  writer.execute(insert(101, 101) + "; PREPARE TRANSACTION 'before the run'");
  append(102, 110);
  const auto program = start();
  ASSERT_TRUE(store.wait_until_at_fence());
  writer.execute("COMMIT PREPARED 'before the run'");
  EXPECT_EQ(store.result_of(*program).exit_code, 0);
  expect_whole(110);
}

TEST_F(FenceTest, WaitsForATransactionThatIsPreparedMeanwhile) {
  for (const char* order : {by_ts, by_n}) {
    store.database.execute("DELETE FROM event_store WHERE event_id > '" + event_id(100) + "'");
    OtherClient writer(store.database);
    writer.execute(insert(101, 101));
    append(102, 110);
    const auto program = start({"--store", store_in_order(order)});
    ASSERT_TRUE(store.wait_until_at_fence());
    writer.execute("PREPARE TRANSACTION 'during the run'");
    ASSERT_TRUE(store.wait_until_at_fence("FROM pg_prepared_xacts"));
    writer.execute("COMMIT PREPARED 'during the run'");
    EXPECT_EQ(store.result_of(*program).exit_code, 0) << order;
    expect_whole(110);
  }
}

TEST_F(FenceTest, WaitsForEveryTransactionOfOneText) {
  // All of them get the now() at which the text arrived.
  std::jthread writer;  // can end when the locks are gone
  OtherClient first(store.database, "SELECT pg_advisory_lock(1)"), second(store.database, "SELECT pg_advisory_lock(2)");
  writer = std::jthread([this] {
    OtherClient(store.database, "BEGIN; SELECT pg_advisory_xact_lock(1); COMMIT; BEGIN; " + insert(101, 101) +
                                    "; SELECT pg_advisory_xact_lock(2); COMMIT");
  });
  const auto blocked_at = [this](const char* lock) {
    while (
        store.database.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = " +
                             std::string(lock)) == "0") {
    }
  };
  blocked_at("1");
  append(102, 110);
  const auto program = start();
  ASSERT_TRUE(store.wait_until_at_fence());
  first.execute("SELECT pg_advisory_unlock(1)");
  blocked_at("2");
  const Outcome while_it_is_open = store.dry_run("event_rows", {"--fence-timeout", "0"});
  EXPECT_EQ(while_it_is_open.exit_code, 1) << while_it_is_open.err;
  second.execute("SELECT pg_advisory_unlock(2)");
  EXPECT_EQ(store.result_of(*program).exit_code, 0);
  expect_whole(110);
}

TEST_F(FenceTest, NamesWhoDoesNotEnd) {
  Role reader(store.database, "reader"), writer_role(store.database, "writer");
  store.database.execute("GRANT SELECT ON event_store TO " + reader.name());
  for (const std::string& dsn : {store.database.dsn(), reader.dsn()}) {
    OtherClient writer(store.database, "BEGIN", writer_role.name());
    const std::string pid = writer.value("SELECT pg_backend_pid()");
    const std::string said = refused({"--source-dsn", dsn});
    EXPECT_THAT(said, HasSubstr("server process " + pid + " of role " + writer_role.name()));
    // When another role's transaction began is not shown to everybody.
    EXPECT_EQ(said.find("open since") == std::string::npos, dsn == reader.dsn()) << said;
  }
  OtherClient one(store.database), two(store.database), three(store.database);
  EXPECT_THAT(refused(), HasSubstr(" and 2 more: "));
  for (OtherClient* writer : {&two, &three}) writer->execute("ROLLBACK");
  one.execute("INSERT INTO elsewhere VALUES (1); PREPARE TRANSACTION 'it''s'");
  EXPECT_THAT(refused(), HasSubstr("the prepared transaction 'it''s' of role postgres, open since "));
  EXPECT_THAT(refused({"--store", store_in_order(by_n)}), HasSubstr("the prepared transaction"));
}

TEST_F(FenceTest, ASignalEndsTheWait) {
  const OtherClient writer(store.database);
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string before = store.everything();
    const auto program = start();
    ASSERT_TRUE(store.wait_until_at_fence());
    program->signal(signal);
    const Outcome run = store.result_of(*program);
    EXPECT_EQ(run.exit_code, 3) << run.err;
    EXPECT_EQ(store.everything(), before);
    ASSERT_TRUE(store.wait_until_gone());
  }
}

TEST_F(FenceTest, DoesNotWaitForAnotherRebuild) {
  OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
  Program other(
      store.with_places({"--projection", "stages", "--mode", "APPLY", "--store", store.store_that_waits_at(50)}));
  ASSERT_TRUE(store.wait_until_blocked());
  EXPECT_EQ(apply({"--fence-timeout", "1"}).exit_code, 0);
  expect_whole(100);
  holder.execute("SELECT pg_advisory_unlock(42)");
  EXPECT_EQ(store.result_of(other).exit_code, 0);
  EXPECT_EQ(store.differing("stages"), "0");
}

TEST_F(FenceTest, DoesNotWaitForAnotherDatabase) {
  const Database other;
  OtherClient writer(other);
  writer.value("SELECT now()");
  EXPECT_EQ(apply({"--fence-timeout", "1"}).exit_code, 0);
}

// ---- a store in the order of a sequence

TEST_F(FenceTest, DoesNotWaitForWhoDrawsNoNumber) {
  OtherClient reader(store.database), elsewhere(store.database), maintainer(store.database);
  reader.value("SELECT count(*) FROM event_store");
  elsewhere.execute("INSERT INTO elsewhere VALUES (1); LOCK elsewhere");
  // What VACUUM and CREATE INDEX CONCURRENTLY take keeps nobody from writing, and writes no event.
  maintainer.execute("LOCK event_store IN SHARE UPDATE EXCLUSIVE MODE");
  const Outcome run = apply({"--store", store_in_order(by_n), "--fence-timeout", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["late_events"], "");
  expect_whole(100);
}

TEST_F(FenceTest, WaitsForWhoHasDrawnANumber) {
  const std::string ordered = store_in_order(by_n);
  std::uint64_t event = 101;
  const std::string number = "nextval(pg_get_serial_sequence('event_store', 'n'))";
  for (const std::string& drawn :
       {"SELECT " + number, "SAVEPOINT s; SELECT " + number + "; ROLLBACK TO s", insert(1000, 1000)}) {
    SCOPED_TRACE(drawn);
    OtherClient writer(store.database);
    writer.execute(drawn);
    const std::string n =
        drawn.starts_with("INSERT") ? "0" : writer.value("SELECT currval(pg_get_serial_sequence('event_store', 'n'))");
    append(event, event);
    EXPECT_THAT(refused({"--store", ordered}), HasSubstr("server process "));
    const auto program = start({"--store", ordered});
    ASSERT_TRUE(store.wait_until_at_fence());
    if (n != "0") {
      writer.execute(insert(event + 1, event + 1));
      writer.execute("UPDATE event_store SET n = " + n + " WHERE event_id = '" + event_id(event + 1) + "'");
    }
    writer.execute("COMMIT");
    EXPECT_EQ(store.result_of(*program).exit_code, 0);
    event += n == "0" ? 1 : 2;
  }
  expect_whole(106);
}

}  // namespace
}  // namespace rebuild_projection::test

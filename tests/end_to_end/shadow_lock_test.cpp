// Without this file publishing could keep writers out for as long as somebody else holds a row, or be the death of
// whoever does, or publish what others changed behind its back.
#include <gmock/gmock.h>

#include <thread>

#include "tests/end_to_end/shadow_store.h"
#include "tests/support/own_server.h"
#include "tests/support/proxy.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

constexpr const char* writers_kept_out =
    "SELECT count(*) > 0 FROM pg_locks WHERE mode = 'ShareRowExclusiveLock' AND granted AND relation ="
    " 'event_rows'::regclass";

class ShadowLockTest : public ShadowStore {
 protected:
  ShadowLockTest() {
    store.append(1, 300);
    store.always = {"--fence", "off"};
    EXPECT_EQ(store.apply("all").exit_code, 0);
  }
  bool becomes(const std::string& query, const std::string& value) {
    OtherClient watcher(store.database);  // a proxy's thread may use the store's meanwhile
    for (int attempt = 0; attempt < 3'000; ++attempt) {
      if (watcher.value(query) == value) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  static std::string process(OtherClient& client) {
    return "server process " + client.value("SELECT pg_backend_pid()");
  }
  /// A run waits for the holder's locks so shortly that it fails, and once the holder ends by `end`, it is resumed.
  void expect_short_wait(const std::string& projection, OtherClient& holder, const std::string& end) {
    Outcome run = shadow(projection, {"--retries", "0"});
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr("there was a lock to wait for, of " + process(holder)));
    holder.execute(end);
    run = shadow(projection, {"--resume"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.differing(projection), "0");
  }
};

TEST_F(ShadowLockTest, WritersComeInAgainWhereARowIsLocked) {
  store.database.execute("UPDATE event_rows SET n = -n WHERE n <= 10");
  OtherClient holder(store.database);
  holder.execute("SET application_name = 'the holder'; SELECT FROM event_rows WHERE n = -7 FOR UPDATE");
  const auto program = start("event_rows", {"--retries", "2"});
  ASSERT_TRUE(becomes(writers_kept_out, "t"));
  store.database.execute("INSERT INTO event_rows (event_id, n) VALUES (gen_random_uuid(), 1000)");
  ASSERT_TRUE(becomes(writers_kept_out, "t"));
  // Who holds the row waits for the lock now: one of the two must let go, and it is not this one that dies.
  holder.execute("UPDATE event_rows SET n = 7 WHERE n = -7");
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("rows that are to change are locked by " + process(holder)));
  EXPECT_THAT(run.err, HasSubstr("the holder, idle in transaction"));
  holder.execute("COMMIT");
  EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows WHERE n < 0 OR n = 1000"), "10");
  EXPECT_EQ(shadow("event_rows", {"--resume"}).exit_code, 0);
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(ShadowLockTest, UndoingLetsWritersInAgainToo) {
  store.database.execute("UPDATE event_rows SET n = -n WHERE n <= 10");
  ASSERT_EQ(shadow("event_rows", {"--keep-previous"}).exit_code, 0);
  OtherClient holder(store.database);
  holder.execute("SELECT FROM event_rows WHERE n = 7 FOR UPDATE");
  const std::vector<std::string> undo{"--projection", "event_rows", "--undo-publish", "--publish-lock-timeout", "1",
                                      "--retries",    "0"};
  Outcome run = store.run(undo);
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr(process(holder)));
  holder.execute("ROLLBACK");
  EXPECT_EQ(store.run(undo).exit_code, 0);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows WHERE n < 0"), "10");
}

TEST_F(ShadowLockTest, RowsThatOthersOnlyReferToMayChange) {
  store.database.execute(
      "CREATE TABLE child (ref uuid REFERENCES event_rows); UPDATE event_rows SET n = -n WHERE n <= 10");
  OtherClient other(store.database);
  other.execute("INSERT INTO child VALUES ('" + event_id(7) + "')");
  const Outcome run = shadow("event_rows", {"--retries", "0"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  other.execute("COMMIT");
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(ShadowLockTest, ARowThatAForeignKeyNamesIsNotWaitedForLong) {
  store.database.execute(
      "CREATE TABLE known (candidate_id text PRIMARY KEY); INSERT INTO known SELECT generate_series(0, 6)::text;"
      "ALTER TABLE counters ADD FOREIGN KEY (candidate_id) REFERENCES known; DELETE FROM counters WHERE candidate_id ="
      " '3'");
  OtherClient holder(store.database);
  holder.execute("DELETE FROM known WHERE candidate_id = '3'");
  expect_short_wait("counters", holder, "ROLLBACK");
}

TEST_F(ShadowLockTest, ARowThatAForeignKeyComesFromIsNotWaitedForLong) {
  store.database.execute(
      "CREATE TABLE child (ref uuid REFERENCES event_rows); INSERT INTO event_rows (event_id, n) VALUES "
      "(gen_random_uuid()"
      ", -1); INSERT INTO child SELECT event_id FROM event_rows WHERE n = -1");
  OtherClient holder(store.database);
  holder.execute("DELETE FROM child");
  expect_short_wait("event_rows", holder, "COMMIT");
}

TEST_F(ShadowLockTest, APreparedTransactionIsNamed) {
  OtherClient holder(store.database);
  holder.execute("UPDATE event_rows SET n = n WHERE n = 7; PREPARE TRANSACTION 'it''s'");
  const Outcome run = shadow("event_rows", {"--retries", "0"});
  holder.execute("ROLLBACK PREPARED 'it''s'");
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("because of the prepared transaction 'it''s'"));
}

TEST_F(ShadowLockTest, CatchingUpIsBoundedToo) {
  store.database.execute("UPDATE event_rows SET n = -n WHERE n <= 10");
  OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
  bool appended = false;
  const Proxy proxy([&](const Message& message) {
    if (!message.from_client || appended || !mentions(message, "SHARE ROW EXCLUSIVE")) return Verdict::pass;
    appended = true;
    store.append(301, 301);  // the reader waits at it
    return Verdict::pass;
  });
  const auto program = start("event_rows", {"--dsn", proxy.dsn(store.database.name()), "--publish-lock-timeout", "1",
                                            "--store", store.store_that_waits_at(301)});
  ASSERT_TRUE(becomes(writers_kept_out, "t"));
  ASSERT_TRUE(becomes(writers_kept_out, "f"));
  holder.execute("SELECT pg_advisory_unlock_all()");
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("(--publish-lock-timeout) while writers were kept out"));
  EXPECT_EQ(run.summary["events_read"], 301);
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(ShadowLockTest, WhatAnotherRunPublishedMeanwhileIsNotReplaced) {
  store.database.execute("UPDATE event_rows SET n = -n");
  OtherClient writer(store.database);
  writer.execute("UPDATE event_rows SET n = n WHERE false");  // holds the table's lock
  const auto program = start("event_rows");
  ASSERT_TRUE(store.wait_until_blocked());
  store.database.execute(
      "UPDATE rebuild_projection.rebuild_checkpoints SET run = 'of another' WHERE table_oid ="
      " 'event_rows'::regclass");
  const std::string before = live();
  writer.execute("ROLLBACK");
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("another run changed the checkpoint of a live table"));
  EXPECT_EQ(live(), before);
}

/// Made before the database that lies in it.
struct ServerOfItsOwn {
  const OwnServer server;
};

class CrashUnderTheLockTest : public ServerOfItsOwn, public ShadowLockTest {};

TEST_F(CrashUnderTheLockTest, AShadowThatItEmptiedIsNotPublished) {
  store.database.execute("UPDATE event_rows SET n = -n");
  const std::string before = live();
  // With a batch of its own, and only to publish what an earlier run left.
  for (const std::vector<std::string>& how : {std::vector<std::string>{}, {"--resume"}}) {
    OtherClient writer(store.database);
    writer.execute("UPDATE event_rows SET n = n WHERE false");
    if (!how.empty()) {
      ASSERT_EQ(shadow("event_rows", {"--retries", "0"}).exit_code, 2);
    }
    const auto program = start("event_rows", how);
    ASSERT_TRUE(store.wait_until_blocked());
    server.stop("immediate");
    server.start();
    store.database.reconnect();
    const Outcome run = store.result_of(*program);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr("a crash of the server emptied it"));
    EXPECT_EQ(live(), before);
  }
  const Outcome run = shadow("all", {"--resume"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_published(300);
}

TEST_F(CrashUnderTheLockTest, RowsAreNotPutBackIntoATableThatItEmptied) {
  // Publishing deletes a row and touches no other, so that none of those that are gone is missed.
  store.database.execute(
      "ALTER TABLE event_rows SET UNLOGGED; INSERT INTO event_rows (event_id, n) VALUES (gen_random_uuid(), -1)");
  ASSERT_EQ(shadow("event_rows", {"--keep-previous"}).exit_code, 0);
  store.database.execute("CHECKPOINT");
  server.stop("immediate");
  server.start();
  store.database.reconnect();
  const Outcome run = store.run({"--projection", "event_rows", "--undo-publish"});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("the server crashed and emptied what is unlogged of it (public.event_rows)"));
  EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows"), "0");
}

}  // namespace
}  // namespace rebuild_projection::test

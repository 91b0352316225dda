// Without this a deadlock or an administrator's pg_terminate_backend would end a rebuild of hours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection {
namespace {

using test::OtherClient;
using test::Outcome;
using test::Program;
using test::Recruiting;
using testing::HasSubstr;

class RetryTest : public testing::Test {
 protected:
  RetryTest() {
    recruiting.append(1, 1000);
    recruiting.always = {"--fence", "off"};
  }

  std::unique_ptr<Program> start(std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY", "--batch-size", "100"});
    return std::make_unique<Program>(recruiting.with_places(more));
  }
  /// Makes the run wait, in its sixth batch, for a row of `other`, which then wants one that the batch has written. The
  /// server ends the run's transaction, since the other's patience is longer.
  std::unique_ptr<Program> deadlock(OtherClient& other, const std::vector<std::string>& more) {
    other.execute("SET LOCAL deadlock_timeout = '1h'; INSERT INTO event_rows VALUES ('" + test::event_id(550) + "')");
    auto program = start(more);
    EXPECT_TRUE(recruiting.wait_until_blocked());
    other.execute("UPDATE counters SET changes = changes");
    other.execute("ROLLBACK");
    return program;
  }
  void expect_right() {
    for (const char* projection : {"event_rows", "stages", "counters"}) {
      EXPECT_EQ(recruiting.differing(projection), "0") << projection;
      EXPECT_EQ(recruiting.checkpoint("events || ' ' || batches || ' ' || state", projection), "1000 10 complete");
    }
  }

  Recruiting recruiting;
};

TEST_F(RetryTest, ADeadlockIsOvercome) {
  OtherClient other(recruiting.database);
  const auto program = deadlock(other, {});
  const Outcome run = recruiting.result_of(*program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("deadlock detected; trying again in 0.1 s (try 1 of 20)"));
  EXPECT_EQ(run.summary["retries"], 1);
  EXPECT_EQ(run.summary["events_read"], 1000);
  EXPECT_EQ(run.summary["batches"], 10);
  expect_right();
}

TEST_F(RetryTest, ADeadlockEndsARunWithoutRetries) {
  OtherClient other(recruiting.database);
  const auto program = deadlock(other, {"--retries", "0"});
  const Outcome run = recruiting.result_of(*program);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("deadlock detected"));
  EXPECT_EQ(run.summary["events_read"].get<int>(), 600);
  EXPECT_EQ(recruiting.checkpoint("events", "counters"), "500");
  EXPECT_EQ(recruiting.differing_up_to_checkpoint("counters"), "0");
}

TEST_F(RetryTest, EndedServerProcessesAreOvercome) {
  // The reader waits for event 500's payload, and the first batches are committed.
  const std::string store = recruiting.store_that_waits_at(500);
  OtherClient other(recruiting.database);
  other.execute("SELECT pg_advisory_lock(42)");
  const auto program = start({"--store", store, "--readers", "1"});
  ASSERT_TRUE(recruiting.wait_until_blocked());
  EXPECT_EQ(
      recruiting.database.value("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname ="
                                " current_database() AND application_name LIKE 'rebuild\\_projection/%'"),
      "4");  // one that counts, one that finds pages, one that reads them, one that commits
  other.execute("SELECT pg_advisory_unlock(42)");
  const Outcome run = recruiting.result_of(*program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_GE(run.summary["retries"].get<int>(), 3);  // in the reader, the batches, the closing count
  EXPECT_EQ(run.summary["events_read"], 1000);
  expect_right();
}

TEST_F(RetryTest, WhatIsNotTransientIsNotTriedAgain) {
  recruiting.database.execute("ALTER DATABASE " + recruiting.database.name() + " SET statement_timeout = '500ms'");
  OtherClient other(recruiting.database);
  other.execute("INSERT INTO event_rows VALUES ('" + test::event_id(550) + "')");
  const auto program = start({});
  const Outcome run = recruiting.result_of(*program);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("canceling statement due to statement timeout"));
  EXPECT_EQ(run.summary["retries"], 0);
  EXPECT_EQ(recruiting.checkpoint("events", "counters"), "500");
}

TEST_F(RetryTest, ASignalEndsTheWaitBetweenTries) {
  OtherClient other(recruiting.database);
  other.execute("INSERT INTO event_rows VALUES ('" + test::event_id(550) + "')");
  const auto program = start({});
  ASSERT_TRUE(recruiting.wait_until_blocked());
  const std::string database = recruiting.database.name();
  test::Database elsewhere;  // no new session for a while
  elsewhere.execute("ALTER DATABASE " + database + " ALLOW_CONNECTIONS false");
  elsewhere.value("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '" + database +
                  "' AND application_name ^@ 'rebuild_projection/commit'");
  for (int attempt = 0; attempt < 600; ++attempt) {
    if (elsewhere.value("SELECT count(*) FROM pg_stat_activity WHERE datname = '" + database +
                        "' AND application_name ^@ 'rebuild_projection/commit'") == "0")
      break;
  }
  program->signal(SIGTERM);
  const Outcome run = recruiting.result_of(*program);
  elsewhere.execute("ALTER DATABASE " + database + " ALLOW_CONNECTIONS true");
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_EQ(recruiting.checkpoint("events", "counters"), "500");
}

}  // namespace
}  // namespace rebuild_projection

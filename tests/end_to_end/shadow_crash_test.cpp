// Without this file a shadow that a crash of the server has emptied could be gone on with, or a COMMIT that publishes
// and whose answer is lost be repeated.
#include <gmock/gmock.h>

#include <utility>

#include "tests/end_to_end/shadow_store.h"
#include "tests/support/own_server.h"
#include "tests/support/proxy.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

/// Made before the database that lies in it.
struct ServerOfItsOwn {
  const OwnServer server;
};

class ShadowCrashTest : public ServerOfItsOwn, public ShadowStore {
 protected:
  void stop_and_start(const std::string& mode) {
    server.stop(mode);
    server.start();
    store.database.reconnect();
  }
};

TEST_F(ShadowCrashTest, AShadowThatACrashHasEmptiedIsMadeAnew) {
  store.append(1, 1'000);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string before = live();
  ASSERT_EQ(shadow("all", {"--max-events", "600"}).exit_code, 0);
  stop_and_start("fast");
  EXPECT_EQ(shadow_state("counters"), event_id(600) + ": running");  // no crash
  stop_and_start("immediate");
  EXPECT_EQ(live(), before);
  const Outcome run = shadow("all", {"--resume"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 1'000);
  EXPECT_THAT(run.err, HasSubstr("was emptied by a crash of the server, and is made anew"));
  expect_published(1'000);
}

TEST_F(ShadowCrashTest, WhatWasPublishedSurvivesIt) {
  store.append(1, 1'000);
  ASSERT_EQ(shadow("all").exit_code, 0);
  stop_and_start("immediate");
  expect_published(1'000);
}

TEST_F(ShadowCrashTest, WhatWasPublishedIntoAnUnloggedTableDoesNot) {
  store.append(1, 500);
  store.database.execute("ALTER TABLE counters SET UNLOGGED");
  ASSERT_EQ(shadow("counters").exit_code, 0);
  int publisher = 0;
  bool done = false;
  const Proxy proxy([&](const Message& message) {
    if (message.from_client && mentions(message, "SHARE ROW EXCLUSIVE")) publisher = message.connection;
    if (done || message.connection != publisher || !completes(message, "COMMIT")) return Verdict::pass;
    done = true;
    server.stop("immediate");
    server.start();
    return Verdict::cut;
  });
  Program program(store.with_places(arguments("counters", {"--dsn", proxy.dsn(store.database.name())})));
  const Outcome run = store.result_of(program);
  store.database.reconnect();
  EXPECT_TRUE(done);
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("emptied what is unlogged of the table public.counters"));
}

class ShadowCutsTest : public ShadowStore, public testing::WithParamInterface<std::pair<Verdict, const char*>> {};

TEST_P(ShadowCutsTest, OfTheConnectionThatPublishes) {
  store.append(1, 500);
  // At the lock, at that of rows, at the first and the last statement that writes, and at COMMIT.
  for (const char* moment : {"LOCK TABLE", "SKIP LOCKED", "all_gone AS MATERIALIZED", "DROP TABLE", "COMMIT"}) {
    SCOPED_TRACE(moment);
    store.database.execute("UPDATE counters SET changes = 0; DELETE FROM event_rows WHERE n % 2 = 0");
    int publisher = 0;
    bool done = false;
    {
      const Proxy proxy([&](const Message& message) {
        if (message.from_client && mentions(message, "SHARE ROW EXCLUSIVE")) publisher = message.connection;
        if (done || !message.from_client || message.connection != publisher || !mentions(message, moment))
          return Verdict::pass;
        done = true;
        return GetParam().first;
      });
      Program program(store.with_places(arguments("all", {"--dsn", proxy.dsn(store.database.name())})));
      const Outcome run = store.result_of(program);
      EXPECT_EQ(run.exit_code, 0) << run.err;
      EXPECT_EQ(run.summary["shadow"]["published"], true);
      EXPECT_GT(run.summary["retries"], 0);
    }
    EXPECT_TRUE(done);
    expect_published(500);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShadowCutsTest,
                         testing::Values(std::pair(Verdict::cut, "Cut"), std::pair(Verdict::strand, "Strand"),
                                         std::pair(Verdict::forward_then_cut, "ForwardThenCut"),
                                         std::pair(Verdict::lose_answer, "LoseAnswer")),
                         [](const auto& test) { return std::string(test.param.second); });

}  // namespace
}  // namespace rebuild_projection::test

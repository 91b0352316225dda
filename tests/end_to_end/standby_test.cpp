// Without this file a run that reads a standby could believe its fence, which sees none of the primary's transactions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "tests/support/own_server.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class StandbyTest : public testing::Test {
 protected:
  StandbyTest() { store.append(1, 300); }

  [[nodiscard]] std::string dsn() const { return "host=" + standby + " dbname=" + store.database.name(); }
  /// Everything that was committed so far can be seen on the standby.
  void catch_up() {
    const std::string here = store.database.value("SELECT pg_current_wal_insert_lsn()");
    for (int attempt = 0; attempt < 3000; ++attempt)
      if (store.database.value("SELECT pg_sleep(0.01)::text || (replay_lsn >= '" + here +
                               "') FROM pg_stat_replication") == "true")
        return;
    FAIL() << "the standby stays behind";
  }
  Outcome apply(std::vector<std::string> more = {}) {
    catch_up();
    more.insert(more.end(), {"--source-dsn", dsn()});
    return store.apply("all", more);
  }

  OwnServer server;
  std::string standby = server.start_standby();
  Recruiting store;
};

TEST_F(StandbyTest, LateEventsOfItsPrimaryAreNotRuledOutButCounted) {
  const Outcome first = apply({"--max-events", "200"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.summary["late_events"],
            "the store is read on a standby, which does not see the transactions of its primary");
  const Outcome rest = apply({"--resume"});
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(rest.summary["events_read"], 100);
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");

  store.database.append(400, 10, "stage_changed", "3", R"({"n": 1, "stage": "late"})");
  const Outcome late = apply({"--resume"});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_THAT(late.err, HasSubstr("the store has 301 events up to "));
  EXPECT_THAT(late.err, HasSubstr("1 were committed late"));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(StandbyTest, IsTheSameStoreAsItsPrimary) {
  // No transaction of a standby can be serializable.
  store.database.execute("ALTER DATABASE " + store.database.name() +
                         " SET default_transaction_isolation = serializable");
  ASSERT_EQ(apply({"--max-events", "200"}).exit_code, 0);
  EXPECT_EQ(store.apply("all", {"--resume"}).exit_code, 0);
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
}

TEST_F(StandbyTest, ThatLagsIsRefusedForATableThatIsAheadOfIt) {
  catch_up();
  pqxx::connection on_standby("host=" + standby + " " + store.database.own_dsn());
  pqxx::nontransaction(on_standby).exec("SELECT pg_wal_replay_pause()");
  store.append(301, 400);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string before = store.everything();
  for (const std::vector<std::string>& mode : std::vector<std::vector<std::string>>{
           {"APPLY"}, {"APPLY", "--strategy", "shadow"}, {"APPLY", "--resume"}, {"DRY_RUN"}, {"VERIFY"}}) {
    SCOPED_TRACE(testing::PrintToString(mode));
    std::vector<std::string> arguments{"--projection", "all", "--source-dsn", dsn(), "--mode"};
    arguments.insert(arguments.end(), mode.begin(), mode.end());
    const Outcome run = store.run(arguments);
    EXPECT_EQ(run.exit_code, 1) << run.out;
    EXPECT_THAT(run.err,
                HasSubstr("the table public.stages holds the events up to 2025-01-01 00:02:13+00, " + event_id(400) +
                          " (projection stages), and the store event_store ends before that, at 2025-01-01 "
                          "00:01:40+00, " +
                          event_id(300) + ": "));
  }
  EXPECT_EQ(store.everything(), before);
  EXPECT_THAT(store.run({"--status", "--source-dsn", dsn()}).out, HasSubstr("the store ends before it"));
  pqxx::nontransaction(on_standby).exec("SELECT pg_wal_replay_resume()");
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(StandbyTest, IsNoTarget) {
  catch_up();
  for (const char* mode : {"DRY_RUN", "APPLY", "VERIFY"}) {
    const Outcome run = store.run({"--projection", "all", "--mode", mode, "--dsn", dsn()});
    EXPECT_EQ(run.exit_code, 1) << mode;
    EXPECT_THAT(run.err, HasSubstr(" is a standby, which nothing can write to"));
  }
}

}  // namespace
}  // namespace rebuild_projection::test

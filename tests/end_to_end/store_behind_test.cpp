// Without this file a store that lost its newest events (restored, truncated) could move a table back behind what it
// holds, and nobody would be told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class StoreBehind : public testing::Test {
 protected:
  StoreBehind() {
    store.append(1, 300);
    EXPECT_EQ(store.apply("all").exit_code, 0);
  }
  void lose_events() { store.database.execute("DELETE FROM event_store WHERE (payload->>'n')::integer > 250"); }
  void expect_refused(const std::vector<std::string>& arguments, const std::string& reason) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const std::string before = store.everything();
    const Outcome run = store.run(arguments);
    EXPECT_EQ(run.exit_code, 1) << run.out;
    EXPECT_THAT(run.err, HasSubstr(reason));
    EXPECT_EQ(store.everything(), before);
  }

  Recruiting store;
};

TEST_F(StoreBehind, IsRefusedByEveryModeUntilTheRowsAreGivenUp) {
  lose_events();
  const std::string reason =
      "the table public.stages holds the events up to 2025-01-01 00:01:40+00, " + event_id(300) +
      " (projection stages), and the store event_store ends before that, at 2025-01-01 00:01:23+00, " + event_id(250);
  for (const char* mode : {"APPLY", "DRY_RUN", "VERIFY"})
    expect_refused({"--projection", "all", "--mode", mode}, reason);
  expect_refused({"--projection", "all", "--mode", "APPLY", "--resume"}, reason);
  expect_refused({"--projection", "all", "--mode", "APPLY", "--strategy", "shadow"}, reason);
  expect_refused({"--projection", "all", "--mode", "APPLY", "--from-ts", "2025-01-01T00:01Z", "--scope", "touched"},
                 reason);
  expect_refused({"--projection", "stages", "--explain-row", "1"}, reason);
  EXPECT_THAT(store.run({"--status"}).out, HasSubstr("the store ends before it"));

  for (const char* strategy : {"in-place", "shadow"}) {
    EXPECT_EQ(store.apply("all", {"--clear", "always", "--strategy", strategy}).exit_code, 0);
    EXPECT_EQ(store.differing("counters"), "0");
  }
  EXPECT_EQ(store.run({"--projection", "all", "--mode", "VERIFY"}).exit_code, 0);
  EXPECT_EQ(store.apply("all").exit_code, 0);
}

TEST_F(StoreBehind, IsNoOtherStore) {
  lose_events();
  const std::string other = store.results.write("other.toml",
                                                "from = \"event_store\"\norder = [\"event_id\"]\nevent_id = "
                                                "\"event_id\"\nstream_id = \"aggregate_id\"\nts = \"ts\"\n"
                                                "type = \"event_type\"\npayload = \"payload\"\n");
  EXPECT_EQ(store.apply("all", {"--store", other}).exit_code, 0);
}

TEST_F(StoreBehind, IsOneWhoseHorizonHidesTheNewestEvents) {
  store.database.execute("ALTER TABLE event_store ADD tx xid8 DEFAULT pg_current_xact_id()");
  const std::string file = store.results.write(
      "horizon.toml",
      "from = \"event_store\"\norder = [\"event_id\"]\nevent_id = \"event_id\"\nstream_id = \"aggregate_id\"\nts = "
      "\"ts\"\n"
      "type = \"event_type\"\npayload = \"payload\"\nhorizon = \"tx < pg_snapshot_xmin(pg_current_snapshot())\"\n");
  store.always = {"--store", file};
  // A transaction of any database of the server keeps the horizon back as long as it lasts.
  while (store.database.value("SELECT bool_and(tx < pg_snapshot_xmin(pg_current_snapshot())) FROM event_store") != "t")
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(store.apply("all").exit_code, 0);
  store.database.execute("UPDATE event_store SET tx = '99999999999' WHERE (payload->>'n')::integer > 250");
  expect_refused({"--projection", "all", "--mode", "APPLY"}, "since its horizon hides what comes later");
  EXPECT_EQ(store.apply("all", {"--resume"}).exit_code, 0);
  // As after a restore into a cluster whose transaction ids are lower.
  store.database.execute("UPDATE event_store SET tx = '99999999999'");
  expect_refused({"--projection", "all", "--mode", "APPLY", "--resume"}, "the store's horizon hides every event");
  EXPECT_EQ(store.run({"--projection", "all", "--mode", "VERIFY"}).exit_code, 0);
}

TEST_F(StoreBehind, IsNotSeenByARoleThatMayNotReadCheckpoints) {
  const Role role(store.database, "looker");
  store.database.execute("GRANT SELECT ON event_store, event_rows, stages, counters TO " + role.name());
  EXPECT_EQ(store.run({"--projection", "all", "--mode", "VERIFY", "--dsn", role.dsn()}).exit_code, 0);
}

}  // namespace
}  // namespace rebuild_projection::test

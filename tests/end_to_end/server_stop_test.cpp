// Without this file a server that stops or crashes under a run could leave tables that no prefix of the events
// explains: batches do not wait for the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tests/support/own_server.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class ServerStopTest : public testing::TestWithParam<const char*> {
 protected:
  ServerStopTest() {
    store.append(1, events);
    uninterrupted = store.apply("all", in_batches);
    EXPECT_EQ(uninterrupted.exit_code, 0) << uninterrupted.err;
    rows = digests();
  }

  std::string digests() {
    std::string all;
    for (const char* projection : projections) all += store.database.digest(projection) + "\n";
    return all;
  }
  /// As if there had never been a run.
  void forget() {
    store.database.execute("TRUNCATE event_rows, stages, counters, rebuild_projection.rebuild_checkpoints");
  }
  /// Starts a run and stops the server in the middle of it.
  std::unique_ptr<Program> stopped_under_it(std::vector<std::string> more) {
    forget();
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY"});
    more.insert(more.end(), in_batches.begin(), in_batches.end());
    auto program = std::make_unique<Program>(store.with_places(more));
    const int batches = std::uniform_int_distribution<int>(1, events / batch_events / 4)(random);
    while (store.database.value("SELECT coalesce(max(batches), 0) >= " + std::to_string(batches) +
                                " FROM rebuild_projection.rebuild_checkpoints") != "t") {
    }
    program->signal(SIGSTOP);  // so that it cannot reach its end while the server is being stopped
    server.stop(GetParam());
    program->signal(SIGCONT);
    return program;
  }
  void start_again() {
    server.start();
    store.database.reconnect();
  }
  [[nodiscard]] bool crashed() const { return GetParam() == std::string("immediate"); }

  void expect_prefix_of_the_events() {
    for (const char* projection : projections) {
      EXPECT_EQ(store.differing_up_to_checkpoint(projection), "0") << projection;
      // A crash may have taken every batch.
      const bool none = crashed() && store.checkpoint("batches", projection) == "0";
      EXPECT_EQ(store.checkpoint("state", projection), none ? "starting" : "running");
    }
    EXPECT_EQ(store.database.value("SELECT count(DISTINCT (position, events, batches)) FROM"
                                   " rebuild_projection.rebuild_checkpoints"),
              "1");
  }
  void expect_whole() {
    for (const char* projection : projections) {
      EXPECT_EQ(store.differing(projection), "0") << projection;
      EXPECT_EQ(store.checkpoint("events, state", projection), std::to_string(events) + "|complete");
    }
    EXPECT_EQ(digests(), rows);
  }
  void resume() {
    const Outcome run = store.apply("all", {"--resume"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    expect_whole();
  }
  [[nodiscard]] static int times() { return std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 15 : 2; }

  static constexpr std::array<const char*, 3> projections{"event_rows", "stages", "counters"};
  static constexpr int events = 5000, batch_events = 10;
  const std::vector<std::string> in_batches{"--batch-size", std::to_string(batch_events)};
  const OwnServer server;
  Recruiting store;
  Outcome uninterrupted;
  std::string rows;
  std::mt19937 random{std::random_device{}()};
};

TEST_P(ServerStopTest, LeavesAPrefixThatAResumeCompletes) {
  for (int time = 0; time < times(); ++time) {
    const auto program = stopped_under_it({"--retries", "0"});
    const Outcome run = store.result_of(*program);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr("go on with --resume"));
    start_again();
    ASSERT_TRUE(store.wait_until_gone());
    expect_prefix_of_the_events();
    const int kept = std::stoi(store.checkpoint("batches", "counters")), reported = run.summary["batches"];
    // A COMMIT may have come through whose answer did not; a crash takes the last ones.
    EXPECT_LE(kept, reported + 1);
    if (!crashed()) {
      EXPECT_GE(kept, reported);
    }
    std::printf("%d batches reported, %d there after the restart\n", reported, kept);
    resume();
  }
}

TEST_P(ServerStopTest, IsSurvivedByARunThatTriesAgain) {
  std::map<int, int> exit_codes;
  for (int time = 0; time < times(); ++time) {
    const auto program = stopped_under_it({});
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 600)(random)));
    start_again();
    const Outcome run = store.result_of(*program);
    ++exit_codes[run.exit_code];
    if (run.exit_code == 0) {
      EXPECT_GT(run.summary["retries"], 0);
      for (const char* count : {"events_read", "batches", "events_by_type", "projections", "last_position"})
        EXPECT_EQ(run.summary[count], uninterrupted.summary[count]) << count;
    } else {
      // Commits that were answered are gone.
      EXPECT_TRUE(crashed());
      EXPECT_EQ(run.exit_code, 2) << run.err;
      EXPECT_THAT(run.err, HasSubstr("go on with --resume"));
      ASSERT_TRUE(store.wait_until_gone());
      expect_prefix_of_the_events();
      resume();
    }
    expect_whole();
  }
  for (const auto& [code, count] : exit_codes) std::printf("%4d times exit code %d\n", count, code);
}

/// A crash empties them and leaves their checkpoints; a stop that is none leaves both.
TEST_P(ServerStopTest, UnloggedTablesAreWholeOrTheRunSaysThatTheyAreNot) {
  store.database.execute(
      "ALTER TABLE stages SET UNLOGGED; ALTER TABLE counters RENAME TO old; CREATE TABLE counters (LIKE old INCLUDING "
      "DEFAULTS, PRIMARY KEY (candidate_id)) PARTITION BY HASH (candidate_id); CREATE TABLE logged PARTITION OF "
      "counters FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE UNLOGGED TABLE unlogged PARTITION OF counters FOR "
      "VALUES WITH (MODULUS 2, REMAINDER 1); DROP TABLE old");
  for (int time = 0; time < times(); ++time) {
    const auto program = stopped_under_it({});
    start_again();
    const Outcome run = store.result_of(*program);
    EXPECT_EQ(run.exit_code, crashed() ? 2 : 0) << run.err;
    if (crashed()) {
      EXPECT_THAT(run.err, HasSubstr("emptied what is unlogged of the table public."));
      ASSERT_TRUE(store.wait_until_gone());
      // A crash takes the last commits, and may so take all of them: then there is nothing to resume.
      const bool begun = store.database.value(
                             "SELECT count(position) FROM rebuild_projection.rebuild_checkpoints"
                             " WHERE projection_name IN ('stages', 'counters')") != "0";
      const Outcome resumed = store.apply("all", {"--resume"});
      EXPECT_EQ(resumed.exit_code, begun ? 1 : 0) << resumed.err;
      if (begun) {
        EXPECT_THAT(resumed.err, HasSubstr("its table is unlogged (public.unlogged)"));
        EXPECT_THAT(resumed.err, HasSubstr("its table is unlogged (public.stages)"));
        EXPECT_EQ(store.apply("all").exit_code, 0);
      }
    }
    expect_whole();
  }
}

INSTANTIATE_TEST_SUITE_P(Mode, ServerStopTest, testing::Values("fast", "immediate"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace rebuild_projection::test

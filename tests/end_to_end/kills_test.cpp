// Without this file a program killed at a bad moment could leave rows that no resume brings right again.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tests/support/batch_points.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class KillsTest : public testing::Test {
 protected:
  KillsTest() {
    store.append(1, events);
    EXPECT_EQ(store.apply("all", in_batches).exit_code, 0);
    uninterrupted = digests();
    expect_whole();
  }

  std::string digests() {
    std::string all;
    for (const char* projection : projections) all += store.database.digest(projection) + "\n";
    return all;
  }
  /// As if there had never been a run.
  void forget() {
    store.database.execute(
        "TRUNCATE event_rows, stages, counters, rebuild_projection.rebuild_checkpoints,"
        " rebuild_projection.rebuild_dead_letters");
  }
  std::unique_ptr<Program> start(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY"});
    more.insert(more.end(), in_batches.begin(), in_batches.end());
    return std::make_unique<Program>(store.with_places(more));
  }

  void expect_prefix_of_the_events() {
    for (const char* projection : projections)
      EXPECT_EQ(store.differing_up_to_checkpoint(projection), "0") << projection;
    EXPECT_EQ(store.database.value("SELECT count(DISTINCT (position, events, batches)) <= 1 FROM"
                                   " rebuild_projection.rebuild_checkpoints"),
              "t");
  }
  void expect_whole() {
    for (const char* projection : projections) {
      EXPECT_EQ(store.differing(projection), "0") << projection;
      EXPECT_EQ(store.checkpoint("events, state", projection), std::to_string(events) + "|complete");
    }
    EXPECT_EQ(digests(), uninterrupted);
  }
  /// Every second time by starting over.
  void finish() {
    resume_next = !resume_next;
    SCOPED_TRACE(resume_next ? "resumed" : "run again");
    const Outcome run = store.apply("all", resume_next ? std::vector<std::string>{"--resume", "--batch-size", "170"}
                                                       : std::vector<std::string>{"--batch-size", "1000"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    expect_whole();
  }

  static constexpr std::array<const char*, 3> projections{"event_rows", "stages", "counters"};
  static constexpr int events = 3000;
  static constexpr int batches = 100;
  const std::vector<std::string> in_batches{"--batch-size", std::to_string(events / batches)};
  bool resume_next = false;
  std::string uninterrupted;
  Recruiting store;
};

/// Kills the program, once, when its batch is at a point; the message goes on when the program is dead.
class KillAt {
 public:
  KillAt(BatchPoint point, int batch) : point_(point), batch_(batch) {}

  /// From now on there is a program to kill.
  void aim(int pid) {
    pid_ = pid;
    pid_.notify_all();
  }
  Verdict operator()(const Message& message) {
    if (done_ || points_.see(message) != point_ || points_.batch() != batch_) return Verdict::pass;
    done_ = true;
    pid_.wait(0);
    kill(pid_, SIGKILL);
    siginfo_t end{};
    waitid(P_PID, static_cast<id_t>(pid_.load()), &end, WEXITED | WNOWAIT);
    return Verdict::pass;
  }

 private:
  const BatchPoint point_;
  const int batch_;
  BatchPoints points_;
  bool done_ = false;
  std::atomic<int> pid_ = 0;
};

class KillsAtPoint : public KillsTest, public testing::WithParamInterface<std::pair<BatchPoint, const char*>> {
 protected:
  /// Kills a run there, and finds the tables as they must then be.
  void kill_in(int batch, const std::vector<std::string>& more, int batches_before) {
    KillAt kill_at(GetParam().first, batch);
    const Proxy proxy([&](const Message& message) { return kill_at(message); });
    std::vector<std::string> arguments{"--dsn", proxy.dsn(store.database.name())};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto program = start(arguments);
    kill_at.aim(program->pid());
    EXPECT_EQ(program->wait().exit_code, 128 + SIGKILL);
    ASSERT_TRUE(store.wait_until_gone());
    const int committed = batches_before + (GetParam().first == BatchPoint::commit_sent ? batch : batch - 1);
    EXPECT_EQ(store.checkpoint("batches, state", "counters"),
              std::to_string(committed) + (committed == 0 ? "|starting" : "|running"));
    expect_prefix_of_the_events();
  }
};

TEST_P(KillsAtPoint, OfTheFirstAMiddleAndTheLastBatch) {
  for (const int batch : {1, batches / 2, batches}) {
    SCOPED_TRACE("batch " + std::to_string(batch));
    forget();
    kill_in(batch, {}, 0);
    finish();
  }
}

TEST_P(KillsAtPoint, OfAResume) {
  for (const int batch : {1, 2}) {
    SCOPED_TRACE("batch " + std::to_string(batch));
    forget();
    ASSERT_EQ(store.apply("all", {"--max-events", "600", "--batch-size", "30"}).exit_code, 0);
    kill_in(batch, {"--resume"}, 20);
    finish();
  }
}

INSTANTIATE_TEST_SUITE_P(All, KillsAtPoint,
                         testing::Values(std::pair(BatchPoint::rows_written, "RowsWritten"),
                                         std::pair(BatchPoint::checkpoint_written, "CheckpointWritten"),
                                         std::pair(BatchPoint::commit_sent, "CommitSent")),
                         [](const auto& test) { return std::string(test.param.second); });

/// The next run does not wait for the test to see that nothing is left of the one before.
TEST_F(KillsTest, AResumeAtOnceComesThrough) {
  const int kills = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 200 : 10;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(start()->wait().exit_code, 0);
  const auto whole = std::chrono::steady_clock::now() - begin;
  for (int number = 0; number < kills; ++number) {
    SCOPED_TRACE("kill " + std::to_string(number) + " of seed " + std::to_string(seed));
    const auto program = start();
    std::this_thread::sleep_for(whole * (random() % 1000) / 1000);
    program->signal(SIGKILL);
    const Outcome run = store.apply("all", {"--resume", "--batch-size", "1000"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    expect_whole();
  }
}

TEST_F(KillsTest, AtRandomMoments) {
  const int kills = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 200 : 20;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  std::map<std::string, int> landed;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(start()->wait().exit_code, 0);
  auto latest = std::chrono::steady_clock::now() - begin;
  for (int number = 0, killed = 0; killed < kills; ++number) {
    SCOPED_TRACE("kill " + std::to_string(number) + " of seed " + std::to_string(seed));
    // One begins where there was no run, one where a run was complete, one where the kill before has left the tables.
    const int before = number % 3;
    if (before == 0) forget();
    const bool resumes = before == 2 && random() % 2 == 0;
    const std::string updated = store.checkpoint("updated_at", "counters");
    const auto program = start(resumes ? std::vector<std::string>{"--resume"} : std::vector<std::string>{});
    std::this_thread::sleep_for(latest * (random() % 1000) / 1000);
    program->signal(SIGKILL);
    const int exit_code = program->wait().exit_code;
    ASSERT_TRUE(store.wait_until_gone());
    ASSERT_TRUE(exit_code == 0 || exit_code == 128 + SIGKILL) << exit_code;
    // What ended before it was killed counts for nothing, and how long a run takes depends on what else the machine
    // does.
    if (exit_code == 0)
      latest = latest * 9 / 10;
    else
      ++killed;
    const bool begun = store.checkpoint("updated_at", "counters") != updated;
    ++landed[exit_code == 0 ? "ended before"
             : begun        ? store.checkpoint("state", "counters")
                            : "before the first batch"];
    expect_prefix_of_the_events();
    if (before != 1) finish();
  }
  std::printf("seed %u\n", seed);
  for (const auto& [state, count] : landed) std::printf("%4d %s\n", count, state.c_str());
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a program killed while it fills, catches up or publishes could leave a live table that is neither
// the old one nor the new one.
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tests/end_to_end/shadow_store.h"

namespace rebuild_projection::test {
namespace {

class ShadowKillsTest : public ShadowStore {
 protected:
  ShadowKillsTest() {
    store.append(1, events);
    store.always = {"--batch-size", "100"};
  }
  std::string digests() {
    std::string all;
    for (const char* projection : projections) all += store.database.digest(projection) + "\n";
    return all;
  }
  /// Many rows in every table are wrong, so that publishing takes a while.
  void spoil() {
    store.database.execute(
        "UPDATE event_rows SET n = -n WHERE n % 2 = 0; DELETE FROM event_rows WHERE n % 3 = 0;"
        "UPDATE stages SET stage = 'wrong'; UPDATE counters SET changes = changes + 1");
  }
  static constexpr int events = 6'000;
};

/// Of the run before, a session may be in the middle of publishing.
TEST_F(ShadowKillsTest, AResumeAtOnceComesThrough) {
  const int kills = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 200 : 6;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(shadow("all").exit_code, 0);
  const auto whole = std::chrono::steady_clock::now() - begin;
  for (int number = 0; number < kills; ++number) {
    SCOPED_TRACE("kill " + std::to_string(number) + " of seed " + std::to_string(seed));
    spoil();
    const auto program = start("all");
    const auto part = random() % 2 == 0 ? random() % 1000 : 800 + random() % 200;
    std::this_thread::sleep_for(whole * part / 1000);
    program->signal(SIGKILL);
    const Outcome run = shadow("all", {"--resume"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    expect_published(events);
  }
}

TEST_F(ShadowKillsTest, TheLiveTablesAreTheOldOrTheNewOnes) {
  const int kills = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 200 : 12;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  auto latest = std::chrono::steady_clock::duration::zero();
  {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(shadow("all").exit_code, 0);
    latest = std::chrono::steady_clock::now() - begin;
  }
  expect_published(events);
  const std::string whole = digests();
  spoil();
  const std::string spoilt = digests();

  std::map<std::string, int> landed;
  bool left = false;  // a shadow of the kill before
  for (int number = 0, killed = 0; killed < kills; ++number) {
    SCOPED_TRACE("kill " + std::to_string(number) + " of seed " + std::to_string(seed));
    const auto program = start("all", left ? std::vector<std::string>{random() % 4 == 0 ? "--discard" : "--resume"}
                                           : std::vector<std::string>{});
    // Every second one in the last fifth, where it catches up and publishes.
    const auto part = random() % 2 == 0 ? random() % 1000 : 800 + random() % 200;
    std::this_thread::sleep_for(latest * part / 1000);
    program->signal(SIGKILL);
    const int exit_code = program->wait().exit_code;
    ASSERT_TRUE(exit_code == 0 || exit_code == 128 + SIGKILL) << exit_code;
    ASSERT_TRUE(store.wait_until_gone());
    // What ended before it was killed counts for nothing, and how long a run takes depends on what else the machine
    // does.
    if (exit_code == 0)
      latest = latest * 9 / 10;
    else
      ++killed;

    const std::string now = digests();
    ASSERT_TRUE(now == spoilt || now == whole);
    const std::string state = shadow_state("counters");
    // The shadow goes with the publication, and not otherwise.
    if (now == whole) {
      ASSERT_EQ(state, "");
    }
    left = !state.empty();
    ++landed[now == whole ? "published" : left ? state.substr(state.find(": ") + 2) : "before the shadow"];
    if (now == whole) spoil();
    ASSERT_EQ(digests(), spoilt);
  }
  const Outcome run = shadow("all", left ? std::vector<std::string>{"--resume"} : std::vector<std::string>{});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_published(events);
  EXPECT_EQ(digests(), whole);
  std::printf("seed %u\n", seed);
  for (const auto& [state, count] : landed) std::printf("%4d %s\n", count, state.c_str());
}

}  // namespace
}  // namespace rebuild_projection::test

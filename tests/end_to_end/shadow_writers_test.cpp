// Without this file an event that arrives while a shadow is published could be missing in the live table, or in it
// twice.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/support/live_store.h"

namespace rebuild_projection::test {
namespace {

constexpr int writers_count = 8;

/// Appends an event and applies it to the live table of counters, in one transaction.
void project(OtherClient& client, const LiveWriters::Pause& pause, std::uint64_t number) {
  const std::string n = std::to_string(number);
  pause(3);
  client.execute(LiveStore::insert(number, number));
  pause(10);
  client.execute("INSERT INTO counters VALUES ((" + n + " % 7)::text, 1, " + n +
                 ") ON CONFLICT (candidate_id) DO UPDATE SET changes = counters.changes + 1, total ="
                 " counters.total + excluded.total");
}

struct Order {
  const char* name;
  const char* order;
  std::string more;              ///< of the store file
  const char* up_to_checkpoint;  ///< condition on events
};

class ShadowWritersTest : public LiveStore, public testing::WithParamInterface<Order> {
 protected:
  ShadowWritersTest() { give_transactions(store.database); }
  /// The events that all runs begin with, which transactions of other tests on the server may keep behind the horizon.
  void append_first() {
    append(1, 2'000);
    EXPECT_TRUE(GetParam().more.empty() || wait_for_horizon(store.database, "2000"));
  }
  const std::string file = store_in_order(GetParam().order, GetParam().more);
};

TEST_P(ShadowWritersTest, WithALiveProjectorApplyingTheTableIsAsAllEventsSay) {
  const int publications = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 20 : 2;
  append_first();
  ASSERT_EQ(store.apply("counters", {"--store", file}).exit_code, 0);
  std::uint64_t came = 0;
  for (int number = 0; number < publications; ++number) {
    SCOPED_TRACE("publication " + std::to_string(number));
    const std::string count = "SELECT count(*) FROM event_store";
    const std::uint64_t before = std::stoull(store.database.value(count));
    // What is to be put right.
    store.database.execute(
        "UPDATE counters SET changes = changes + 1000, total = 0 WHERE candidate_id IN ('1', '5');"
        " DELETE FROM counters WHERE candidate_id = '3'");
    std::atomic<std::uint64_t> next = static_cast<std::uint64_t>(number + 1) * 1'000'000;
    LiveWriters writers(
        store.database, writers_count, 10,
        [&next](OtherClient& client, const LiveWriters::Pause& pause) { project(client, pause, next++); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const Outcome run = store.apply("counters", {"--strategy", "shadow", "--store", file});
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_TRUE(writers.stop());
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["shadow"]["published"], true);
    came += std::stoull(store.database.value(count)) - before;
    // Published is what was there, and the writers have applied the rest themselves.
    EXPECT_EQ(store.differing("counters"), "0");
  }
  EXPECT_GT(came, 0U);
  std::printf("%llu events came around %d publications\n", static_cast<unsigned long long>(came), publications);
}

TEST_P(ShadowWritersTest, WithoutOneTheTableIsAsTheEventsUpToItsPositionSay) {
  append_first();
  std::atomic<bool> failed = false;
  std::jthread writer([&](const std::stop_token& stop) {
    try {
      OtherClient client(store.database, "SELECT");
      for (std::uint64_t number = 1'000'000; !stop.stop_requested(); ++number) {
        client.execute(insert(number, number));
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    } catch (const std::exception&) {
      failed = true;
    }
  });
  const Outcome run = store.apply("counters,event_rows", {"--strategy", "shadow", "--store", file});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  writer = {};
  EXPECT_FALSE(failed);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::string up_to = std::string(GetParam().up_to_checkpoint) +
                            " FROM rebuild_projection.rebuild_checkpoints WHERE projection_name = 'counters')";
  for (const char* projection : {"counters", "event_rows"})
    EXPECT_EQ(store.differing(projection, up_to), "0") << projection;
}

INSTANTIATE_TEST_SUITE_P(
    InTheOrderOf, ShadowWritersTest,
    testing::Values(Order{"TheClock", LiveStore::by_ts, "",
                          "(ts, event_id) <= (SELECT position[1]::timestamptz, position[2]::uuid"},
                    Order{"ASequence", LiveStore::by_n, "", "event_store.n <= (SELECT position[1]::bigint"},
                    Order{"TransactionsBehindAHorizon", LiveStore::by_transaction_and_n, LiveStore::horizon_line(),
                          "(transaction_id, event_store.n) <= (SELECT position[1]::xid8, position[2]::bigint"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rebuild_projection::test

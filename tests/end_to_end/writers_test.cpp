// Without this file events that applications commit while a rebuild runs could be missed, or applied by two runs.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "tests/support/live_store.h"

namespace rebuild_projection::test {
namespace {

constexpr int writers_count = 32;

struct Order {
  const char* name;
  const char* order;
  const char* up_to_checkpoint;  ///< condition on events
};

class WritersTest : public LiveStore, public testing::WithParamInterface<Order> {
 protected:
  std::uint64_t events() { return std::stoull(store.database.value("SELECT count(*) FROM event_store")); }
};

TEST_P(WritersTest, NoEventIsMissedOrAppliedTwice) {
  const bool stressed = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr;
  const std::uint64_t there_before = stressed ? 30'000 : 2'000;
  const int resumes = stressed ? 60 : 3;
  const std::uint64_t to_come = stressed ? 200'000 : 0, in_a_transaction = stressed ? 10 : 1;
  const std::array batch_sizes{stressed ? "500" : "20", stressed ? "2000" : "3", stressed ? "5000" : "500"};
  const std::string file = store_in_order(GetParam().order);
  append(1, there_before);

  std::atomic<std::uint64_t> next = there_before + 1;
  LiveWriters writers(store.database, writers_count, 0, [&](OtherClient& client, const LiveWriters::Pause& pause) {
    pause(5);
    if (to_come > 0 && next > there_before + to_come + to_come / 10) return;
    const std::uint64_t first = next.fetch_add(in_a_transaction);
    client.execute(LiveStore::insert(first, first + in_a_transaction - 1));
    pause(30);
  });
  std::uint64_t read = 0, came = 0;
  int number = 0;
  for (; number <= resumes || events() < there_before + to_come; ++number) {
    SCOPED_TRACE("run " + std::to_string(number));
    const std::uint64_t before = events();
    std::vector<std::string> arguments{"--store", file, "--batch-size",
                                       batch_sizes[static_cast<std::size_t>(number) % batch_sizes.size()]};
    const Outcome run = number == 0 ? apply(arguments) : resume(arguments);
    came += events() - before;
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["late_events"], "");
    read += run.summary["events_read"].get<std::uint64_t>();
    // Whatever is committed later stands after the checkpoint.
    for (const char* projection : {"event_rows", "counters"})
      EXPECT_EQ(store.differing(projection, GetParam().up_to_checkpoint), "0") << projection;
  }
  EXPECT_TRUE(writers.stop());
  const Outcome last = resume({"--store", file});
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(read + last.summary["events_read"].get<std::uint64_t>(), events());
  EXPECT_GT(came, 0U);
  expect_whole(static_cast<int>(events()));
  std::printf("%llu of %llu events came while %d runs went on\n", static_cast<unsigned long long>(came),
              static_cast<unsigned long long>(events()), number);
}

constexpr const char* ts_condition =
    "(ts, event_id) <= (SELECT position[1]::timestamptz, position[2]::uuid FROM rebuild_projection.rebuild_checkpoints"
    " WHERE projection_name = 'counters')";
constexpr const char* n_condition =
    "event_store.n <= (SELECT position[1]::bigint FROM rebuild_projection.rebuild_checkpoints WHERE projection_name ="
    " 'counters')";

INSTANTIATE_TEST_SUITE_P(InTheOrderOf, WritersTest,
                         testing::Values(Order{"TheClock", LiveStore::by_ts, ts_condition},
                                         Order{"ASequence", LiveStore::by_n, n_condition}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rebuild_projection::test

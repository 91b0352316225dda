// Without this file readers could wait while a shadow is published, or see some of its rows beside old ones.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "tests/end_to_end/shadow_store.h"

namespace rebuild_projection::test {
namespace {

class ShadowReadersTest : public ShadowStore {
 protected:
  static constexpr const char* look = "SELECT md5(string_agg((e.*)::text, '' ORDER BY event_id)) FROM event_rows AS e";

  /// Polls the table until told to stop; every answer must be among `known`.
  void read(const char* begin, const std::set<std::string>& known, const std::stop_token& stop) {
    OtherClient client(store.database, "SET statement_timeout = '20s'");
    while (!stop.stop_requested()) {
      client.execute(begin);
      const std::string first = timed(client);
      const std::string second = timed(client);
      client.execute("COMMIT");
      if (!known.contains(first) || !known.contains(second)) ++strange_;
      if (std::string(begin).find("REPEATABLE") != std::string::npos && first != second) ++strange_;
      ++answers_;
    }
  }
  std::string timed(OtherClient& client) {
    const auto begin = std::chrono::steady_clock::now();
    std::string answer = client.value(look);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    const std::lock_guard lock(slowest_mutex_);
    slowest_ = std::max(slowest_, took);
    return answer;
  }

  std::atomic<int> strange_ = 0, answers_ = 0;
  std::mutex slowest_mutex_;
  std::chrono::milliseconds slowest_{0};
};

TEST_F(ShadowReadersTest, SeeTheOldTableOrTheNewOne) {
  const int publications = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 50 : 5;
  store.append(1, 2'000);
  store.always = {"--fence", "off"};  // a reader's transaction is not worth waiting for
  ASSERT_EQ(shadow("event_rows").exit_code, 0);
  const auto spoil = [this] {
    store.database.execute("UPDATE event_rows SET n = -n WHERE n % 2 = 0; DELETE FROM event_rows WHERE n % 3 = 0");
  };
  std::set<std::string> known{store.database.value(look)};
  spoil();
  known.insert(store.database.value(look));
  ASSERT_EQ(known.size(), 2U);

  std::vector<std::jthread> readers;
  for (const char* begin : {"BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN ISOLATION LEVEL READ COMMITTED"})
    readers.emplace_back([this, begin, &known](const std::stop_token& stop) { read(begin, known, stop); });
  for (int number = 0; number < publications; ++number) {
    const Outcome run = shadow("event_rows");
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.differing("event_rows"), "0");
    spoil();
  }
  readers.clear();
  EXPECT_EQ(strange_, 0);
  EXPECT_GT(answers_, publications);
  std::printf("%d answers during %d publications, the slowest took %d ms\n", answers_.load(), publications,
              static_cast<int>(slowest_.count()));
}

}  // namespace
}  // namespace rebuild_projection::test

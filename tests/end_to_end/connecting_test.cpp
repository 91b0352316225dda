// Without this file a connection that is lost before it is of any use could end a rebuild of hours, where one lost
// later is made again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <thread>

#include "tests/support/batch_points.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

constexpr int events = 1200;
constexpr std::array verdicts{Verdict::cut, Verdict::strand, Verdict::forward_then_cut};

class ConnectingTest : public testing::Test {
 protected:
  ConnectingTest() { store.append(1, events); }

  std::unique_ptr<Program> start(const Proxy& proxy, std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY", "--batch-size", "100", "--fence", "off",
                               "--dsn", proxy.dsn(store.database.name())});
    return std::make_unique<Program>(store.with_places(more));
  }
  Outcome apply_through(const Proxy::Hook& hook) {
    const Proxy proxy(hook);
    return store.result_of(*start(proxy, {}));
  }
  /// The first reader waits until another one was wanted.
  Outcome apply_with_readers_through(const Proxy::Hook& hook) {
    OtherClient other(store.database);
    other.execute("SELECT pg_advisory_lock(42)");
    const Proxy proxy(hook);
    const auto program = start(proxy, {"--store", waiting_store, "--readers", "2", "--workers", "2", "--tokens", "4"});
    EXPECT_TRUE(store.wait_until_blocked());
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    other.execute("SELECT pg_advisory_unlock(42)");
    return store.result_of(*program);
  }
  void expect_whole(const Outcome& run) {
    EXPECT_EQ(run.exit_code, 0) << run.err;
    for (const char* projection : {"event_rows", "stages", "counters"})
      EXPECT_EQ(store.differing(projection), "0") << projection;
    ASSERT_TRUE(store.wait_until_gone());
  }
  /// Cut at are the client's messages, and the server's where there is time for it.
  static bool stressed() { return std::getenv("REBUILD_PROJECTION_STRESS") != nullptr; }
  static bool counts(const Message& message) { return message.from_client || stressed(); }
  static int step(int otherwise) { return stressed() ? 1 : otherwise; }

  Recruiting store;
  const std::string waiting_store = store.store_that_waits_at(40);
};

TEST_F(ConnectingTest, LostAtAnyMessageAfterALostBatchIsTriedAgain) {
  for (int at = 1; at <= (stressed() ? 140 : 41); at += step(4)) {  // the locks are taken, too
    SCOPED_TRACE("message " + std::to_string(at));
    BatchPoints points;
    int committing = 0, after = 0, seen = 0;
    const Outcome run = apply_through([&](const Message& message) {
      if (points.see(message) == BatchPoint::commit_sent && points.batch() == 3 && committing == 0) {
        committing = message.connection;
        return Verdict::cut;
      }
      if (committing != 0 && after == 0 && opens_session(message)) after = message.connection;
      return after == message.connection && counts(message) && ++seen == at ? verdicts[at % verdicts.size()]
                                                                            : Verdict::pass;
    });
    EXPECT_GE(run.summary["retries"], 2);
    expect_whole(run);
  }
}

TEST_F(ConnectingTest, LostAtAnyMessageOfAReaderIsOvercome) {
  std::map<int, bool> reads;
  apply_with_readers_through([&](const Message& message) {
    reads[message.connection] |= mentions(message, "SET enable_sort = off; SET enable_incremental_sort = off");
    return Verdict::pass;
  });
  ASSERT_TRUE(store.wait_until_gone());
  int readers = 0;
  for (const auto& [connection, reader] : reads) {
    if (!reader) continue;
    ++readers;
    for (int at = 1; at <= (stressed() ? 80 : 8); at += step(2)) {
      SCOPED_TRACE("connection " + std::to_string(connection) + ", message " + std::to_string(at));
      int seen = 0;
      expect_whole(apply_with_readers_through([&](const Message& message) {
        return message.connection == connection && counts(message) && ++seen == at ? verdicts[at % verdicts.size()]
                                                                                   : Verdict::pass;
      }));
    }
  }
  EXPECT_EQ(readers, 3);  // one that finds pages, two that read them
}

}  // namespace
}  // namespace rebuild_projection::test

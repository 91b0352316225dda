// Without this file a rebuild could write rows twice, touch rows that a batch does not change, or talk to the server
// more often than it has to, and every other test would still pass.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/proxy.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class CountsTest : public testing::Test {
 protected:
  CountsTest() { store.append(1, events); }

  /// Rows of a table that were inserted, updated and deleted since the last call.
  std::string written(const std::string& table) {
    EXPECT_TRUE(store.wait_until_gone());  // a session says what it wrote at its end
    const std::string all = store.database.value(
        "SELECT array[n_tup_ins, n_tup_upd, n_tup_del]::text FROM pg_stat_user_tables WHERE relname = '" + table + "'");
    const std::string before = before_.contains(table) ? before_[table] : "{0,0,0}";
    before_[table] = all;
    return store.database.value("SELECT string_agg((a - b)::text, '|' ORDER BY n) FROM unnest('" + all +
                                "'::bigint[], '" + before + "'::bigint[]) WITH ORDINALITY AS u(a, b, n)");
  }

  static constexpr int events = 1'000;
  Recruiting store;

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(CountsTest, ARebuildInOneBatchInsertsEachRowOnceAndUpdatesNone) {
  for (const bool again : {false, true}) {
    ASSERT_EQ(store.apply("event_rows,stages", {"--batch-size", "1000000"}).exit_code, 0);
    const std::string deleted = again ? "1000" : "0";
    EXPECT_EQ(written("event_rows"), "1000|0|" + deleted);
    EXPECT_EQ(written("stages"), again ? "7|0|7" : "7|0|0");
  }
}

TEST_F(CountsTest, BatchesInsertEachRowOnceAndUpdateWhatTheyChange) {
  ASSERT_EQ(store.apply("event_rows,stages", {"--batch-size", "100"}).exit_code, 0);
  EXPECT_EQ(written("event_rows"), "1000|0|0");
  // All seven candidates are in each of the ten batches.
  EXPECT_EQ(written("stages"), "7|63|0");
}

/// What goes to and fro in the committing session, between the COMMITs of two batches.
struct Traffic {
  int answers = 0;  ///< the client waited for
  std::map<std::string, int> done;
  bool binary = false;  ///< a COPY was asked for in its binary format
};

TEST_F(CountsTest, ABatchTakesFewRoundTrips) {
  std::vector<Traffic> batches(1);
  int session = 0;
  Outcome run;
  {
    const Proxy proxy([&](const Message& message) {
      if (names_session(message, "commit")) session = message.connection;
      if (message.connection != session) return Verdict::pass;
      if (message.from_client) {
        if (message.type == 'Q' && mentions(message, "(FORMAT binary)")) batches.back().binary = true;
        return Verdict::pass;
      }
      if (message.type == 'Z' || message.type == 'G') ++batches.back().answers;
      if (message.type == 'C') {
        const std::string tag = message.body.data();  // "COPY 100", with a 0 behind it
        ++batches.back().done[tag.substr(0, tag.find(' '))];
      }
      if (completes(message, "COMMIT")) batches.emplace_back();
      return Verdict::pass;
    });
    run = store.apply("event_rows,stages", {"--batch-size", "100", "--dsn", proxy.dsn(store.database.name())});
  }
  ASSERT_EQ(run.exit_code, 0) << run.err;
  ASSERT_GE(batches.size(), 12U);
  // The checkpoints' first commit, ten batches, and what ends the run. The first batches prepare their statements.
  for (std::size_t batch = 4; batch < 11; ++batch) {
    const std::map<std::string, int> statements{{"BEGIN", 1}, {"COPY", 1}, {"UPDATE", 2}, {"COMMIT", 1}};
    EXPECT_EQ(batches[batch].done, statements) << batch;
    EXPECT_EQ(batches[batch].answers, 6) << batch;  // a COPY takes two
    EXPECT_TRUE(batches[batch].binary) << batch;
  }
}

/// The planner believes that the store has millions of events, as it does of one that has.
class EstimateTest : public CountsTest {
 protected:
  EstimateTest() {
    store.database.execute("ANALYZE event_store");
    store.database.execute(
        "UPDATE pg_class SET reltuples = 5000000, relpages = pg_relation_size(oid) / 8192"
        " WHERE relname = 'event_store'");
  }
};

TEST_F(EstimateTest, ManyEventsAreEstimatedAndCountedAtTheEnd) {
  const Outcome run = store.apply("event_rows");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("events to replay: about 5000000 (all events)"), std::string::npos) << run.err;
  EXPECT_EQ(run.summary["events_in_range"], events);
  EXPECT_EQ(run.summary["events_in_range_estimated"], false);
  EXPECT_NE(run.out.find("1,000 read of 1,000 in range"), std::string::npos) << run.out;
}

TEST_F(EstimateTest, AnEstimateIsCalledOneWhereTheRunEndsEarlier) {
  store.database.execute("ALTER TABLE event_rows ADD CHECK (n <> 500)");
  const Outcome run = store.apply("event_rows", {"--batch-size", "100"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.summary["events_in_range"], 5'000'000);
  EXPECT_EQ(run.summary["events_in_range_estimated"], true);
  EXPECT_NE(run.out.find("read of about 5,000,000 in range"), std::string::npos) << run.out;
}

TEST_F(EstimateTest, WhereTheNumberDecidesEventsAreCounted) {
  const Outcome all = store.apply("event_rows", {"--max-events", "1000"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_EQ(all.summary["ending"], "complete");
  EXPECT_NE(all.err.find("events to replay: 1000 (all events)"), std::string::npos) << all.err;
  const Outcome dry = store.dry_run("event_rows");
  EXPECT_EQ(dry.summary["events_in_range"], events);
}

TEST_F(EstimateTest, AShadowCountsThemBeforeItPublishes) {
  const Outcome run = store.apply("event_rows", {"--strategy", "shadow"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("events to replay: about 5000000"), std::string::npos) << run.err;
  EXPECT_EQ(run.summary["events_in_range"], events);
  EXPECT_EQ(run.summary["events_in_range_estimated"], false);
}

}  // namespace
}  // namespace rebuild_projection::test

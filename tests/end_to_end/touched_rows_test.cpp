// Without this file --scope touched could rebuild rows wrongly that had to be rebuilt, or write rows that had not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/database.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class TouchedRowsTest : public testing::Test {
 protected:
  TouchedRowsTest() { store.append(1, 700); }

  Outcome touched(const std::string& projection, std::vector<std::string> more) {
    more.insert(more.begin(), {"--scope", "touched"});
    return store.apply(projection, more);
  }
  /// The rows as they were written, with what tells one write from another.
  std::vector<std::string> tuples(const std::string& condition) {
    return store.database.rows("SELECT xmin, ctid, c FROM counters c WHERE " + condition + " ORDER BY candidate_id");
  }

  Recruiting store;
};

TEST_F(TouchedRowsTest, AreRebuiltFromTheirBeginningAndTheOthersStay) {
  ASSERT_EQ(store.apply("counters").exit_code, 0);
  // 698 and 699 touch two of the seven; 700 is a note, which this projection ignores.
  store.database.execute("UPDATE counters SET changes = changes + 1000");
  const std::string others = "candidate_id NOT IN ('5', '6')";
  const auto before = tuples(others);
  const std::string events = store.database.store_digest();
  const Outcome run = touched("counters", {"--from-event-id", event_id(697)});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(tuples(others), before);
  store.database.execute("UPDATE counters SET changes = changes - 1000 WHERE " + others);
  EXPECT_EQ(store.differing("counters"), "0");
  EXPECT_EQ(store.database.store_digest(), events);
  EXPECT_EQ(run.projection("counters")["rows_cleared"], 2);
  EXPECT_EQ(run.summary["batches"], 1);  // nobody sees the rows gone
  EXPECT_THAT(run.err, HasSubstr("public.counters: 7 rows, 2 touched rows deleted and rebuilt"));
}

TEST_F(TouchedRowsTest, AreTheSameInSmallBatchesAndForSeveralProjections) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  store.database.execute("UPDATE counters SET changes = 0; UPDATE stages SET stage = 'wrong'; DELETE FROM event_rows");
  const Outcome run = touched("all", {"--from-ts", "2025-01-01T00:01:40Z", "--batch-size", "7"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(store.differing("counters"), "0");  // every candidate has events after that
  EXPECT_EQ(store.differing("stages"), "0");
  EXPECT_EQ(store.differing("event_rows", "ts >= '2025-01-01 00:01:40Z'"), "0");
  EXPECT_GT(run.summary["batches"], 50);
}

TEST_F(TouchedRowsTest, OfStreamsAreReadByThemAlone) {
  store.append(701, 20'000);
  // One more candidate, with events early and late.
  store.database.execute("UPDATE event_store SET aggregate_id = 'rare' WHERE event_id IN ('" + event_id(71) + "', '" +
                         event_id(19'999) +
                         "'); CREATE INDEX by_stream ON event_store (aggregate_id); ANALYZE event_store");
  ASSERT_EQ(store.apply("counters", {"--batch-size", "20000"}).exit_code, 0);
  store.database.execute("UPDATE counters SET changes = 7 WHERE candidate_id = 'rare'");
  const Outcome run = touched("counters", {"--from-event-id", event_id(19'998)});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(store.differing("counters"), "0");
  EXPECT_EQ(run.summary["events_read"], 2);
  EXPECT_THAT(run.err, HasSubstr("1 row that 2 events (after event " + event_id(19'998) +
                                 ") touch, each from its beginning, out of 2 events of their streams"));
  const auto used = [&] {
    return store.database.value("SELECT idx_scan > 0 FROM pg_stat_all_indexes WHERE indexrelname = 'by_stream'") == "t";
  };
  for (int tries = 0; tries < 100 && !used(); ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(used());
}

TEST_F(TouchedRowsTest, MayHaveKeysThatAreNoStreams) {
  store.database.execute(
      "CREATE TABLE sold (product text, size numeric, pieces bigint NOT NULL DEFAULT 0, PRIMARY KEY (product, size))");
  store.projections.write("sold.toml", R"(
name  = "sold"
table = "sold"
key   = ["product", "size"]
[[on]]
event    = "placed"
for_each = "/lines/*"
key      = { product = "./product", size = "./size" }
add      = { pieces = "./pieces" }
)");
  const auto place = [&](std::uint64_t number, const std::string& product, const std::string& size) {
    store.database.append(number, number, "placed", "order " + std::to_string(number),
                          R"({"lines": [{"product": ")" + product + R"(", "size": ")" + size +
                              R"(", "pieces": 2}, {"product": "other", "size": 1, "pieces": 1}]})");
  };
  const std::string odd = R"(a'b, {\\\"c\\\"} NULL)";
  for (std::uint64_t number = 1001; number <= 1040; ++number) place(number, odd, number % 2 == 0 ? "1.0" : "2");
  place(1041, odd, "1.00");
  ASSERT_EQ(store.apply("sold").exit_code, 0);
  const std::string want = store.database.digest("sold");
  store.database.execute("UPDATE sold SET pieces = -1 WHERE size = 1");
  const Outcome run = touched("sold", {"--from-event-id", event_id(1040)});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("sold")["rows_cleared"], 2);
  EXPECT_EQ(store.database.value("SELECT string_agg(pieces::text, ' ' ORDER BY pieces) FROM sold"), "40 41 42");
  EXPECT_EQ(store.database.digest("sold"), want);
}

TEST_F(TouchedRowsTest, ThatThereAreNoneChangesNothing) {
  ASSERT_EQ(store.apply("counters").exit_code, 0);
  for (const std::string& from : {event_id(699), event_id(700)}) {  // a note is ignored; after the last one is nothing
    const Outcome run = touched("counters", {"--from-event-id", from});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["events_read"], 0);
  }
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.differing("counters"), "0");
  EXPECT_EQ(store.checkpoint("state", "counters"), "complete");
}

TEST_F(TouchedRowsTest, AreCountedByDryRun) {
  ASSERT_EQ(store.apply("counters").exit_code, 0);
  const std::string before = store.everything();
  const Outcome run = store.dry_run("counters", {"--scope", "touched", "--from-event-id", event_id(697)});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("2 rows that 3 events (after event "));
  EXPECT_THAT(run.out, HasSubstr("out of 700 events, which is all"));  // two streams of seven are too many to pick
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.everything(), before);
}

TEST_F(TouchedRowsTest, StayAsTheyAreWhenAnEventCannotBeApplied) {
  store.database.execute("CREATE TABLE sums (candidate text PRIMARY KEY, sum bigint NOT NULL DEFAULT 0)");
  store.projections.write("sums.toml",
                          "name = \"sums\"\ntable = \"sums\"\nkey = [\"candidate\"]\n[[on]]\nevent = "
                          "\"stage_changed\"\nkey = { candidate = \"@stream_id\" }\nadd = { sum = \"/n\" }\n");
  ASSERT_EQ(store.apply("sums").exit_code, 0);
  store.database.append(800, 800, "stage_changed", "3", R"({"n": "none"})");
  const std::string before = store.everything();
  const Outcome run = touched("sums", {"--from-event-id", event_id(700)});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr(event_id(800)));
  EXPECT_THAT(run.err, HasSubstr("nothing was changed"));
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.everything(), before);
}

TEST_F(TouchedRowsTest, ContradictOtherRanges) {
  const std::string from = "2025-01-01T00:01:40Z";
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{},
                                             {"--from-ts", from, "--to-ts", "2025-02-01"},
                                             {"--from-ts", from, "--max-events", "3"},
                                             {"--from-ts", from, "--clear", "never"},
                                             {"--resume"}}) {
    const Outcome run = touched("counters", more);
    EXPECT_EQ(run.exit_code, 1) << testing::PrintToString(more);
    EXPECT_THAT(run.err, HasSubstr("--scope touched ")) << testing::PrintToString(more);
  }
  EXPECT_EQ(store.run({"--projection", "counters", "--mode", "VERIFY", "--scope", "touched"}).exit_code, 1);
}

}  // namespace
}  // namespace rebuild_projection::test

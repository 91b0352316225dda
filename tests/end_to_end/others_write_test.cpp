// Without this file a row that somebody else writes into a table, or takes from it, while it is being rebuilt could be
// lost, or end a run that knows better what is there.
#include <gtest/gtest.h>

#include "tests/support/batch_points.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class OthersWriteTest : public testing::Test {
 protected:
  OthersWriteTest() { store.append(1, 1'000); }

  /// APPLY in batches of 100, in which another client does something after the third.
  Outcome apply_while(const std::string& sql) {
    BatchPoints points;
    OtherClient other(store.database, "SELECT 1");
    const Proxy proxy([&](const Message& message) {
      if (points.see(message) == BatchPoint::committed && points.batch() == 3) other.execute(sql);
      return Verdict::pass;
    });
    return store.apply("event_rows,stages", {"--batch-size", "100", "--dsn", proxy.dsn(store.database.name())});
  }
  void expect_whole(const Outcome& run) {
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.differing("event_rows"), "0");
    EXPECT_EQ(store.differing("stages"), "0");
  }

  Recruiting store;
};

TEST_F(OthersWriteTest, RowsThatAreThereBeforeTheirEventAreChanged) {
  const Outcome run = apply_while("INSERT INTO event_rows VALUES ('" + event_id(750) + "', 0, now())");
  expect_whole(run);
  EXPECT_NE(run.err.find("somebody else writes"), std::string::npos) << run.err;
}

TEST_F(OthersWriteTest, RowsThatAreGoneAreMadeAnew) {
  const Outcome run = apply_while("DELETE FROM stages WHERE candidate_id IN (SELECT min(candidate_id) FROM stages)");
  expect_whole(run);
  EXPECT_NE(run.err.find("somebody else writes"), std::string::npos) << run.err;
}

TEST_F(OthersWriteTest, WithoutThemNobodyIsBlamed) {
  const Outcome run = apply_while("SELECT 1");
  expect_whole(run);
  EXPECT_EQ(run.err.find("somebody else writes"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace rebuild_projection::test

// Without these tests --check could pass files that a rebuild refuses, or write something.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class CheckTest : public testing::Test {
 protected:
  CheckTest() { store.append(1, 30); }
  Outcome check(std::vector<std::string> more = {}) {
    more.insert(more.begin(), "--check");
    return store.run(more);
  }
  Recruiting store;
};

TEST_F(CheckTest, NamesWhatItFoundGoodAndWritesNothing) {
  const std::string before = store.everything();
  const Outcome outcome = check();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* projection : {"counters", "event_rows", "stages"})
    EXPECT_THAT(outcome.out, HasSubstr(std::string("projection ") + projection + ": table public." + projection));
  EXPECT_THAT(outcome.out, HasSubstr("store event_store: event_store ordered by ts, event_id"));
  EXPECT_TRUE(outcome.out.ends_with("no mistakes\n")) << outcome.out;
  EXPECT_EQ(store.everything(), before);
  EXPECT_TRUE(outcome.summary.is_null());  // nothing ran
}

TEST_F(CheckTest, LooksOnlyAtTheProjectionsThatAreNamed) {
  store.database.execute("DROP TABLE counters");
  EXPECT_EQ(check({"--projection", "stages"}).exit_code, 0);
  const Outcome all = check();
  EXPECT_EQ(all.exit_code, 1);
  EXPECT_EQ(all.out, "");
  EXPECT_THAT(all.err, HasSubstr("counters.toml:"));
  EXPECT_THAT(all.err, HasSubstr("there is no table \"counters\""));
}

TEST_F(CheckTest, ReportsEveryMistakeWithItsPlace) {
  store.database.execute("ALTER TABLE stages DROP COLUMN stage; ALTER TABLE counters DROP CONSTRAINT counters_pkey");
  const Outcome outcome = check();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, testing::ContainsRegex("stages.toml:[0-9]+: the table stages has no column \"stage\""));
  EXPECT_THAT(outcome.err, testing::ContainsRegex("counters.toml:[0-9]+: no plain unique index of the table counters"));
}

TEST_F(CheckTest, ChecksTheStoreFile) {
  const std::string file = store.results.write("store.toml",
                                               "from = \"event_store\"\norder = [\"ts\", \"event_id\"]\n"
                                               "event_id = \"event_id\"\ntype = \"kind\"\npayload = \"payload\"\n");
  const Outcome outcome = check({"--store", file});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(file + ":4: "));
}

TEST_F(CheckTest, ChecksTheRightsThatApplyNeeds) {
  Role role(store.database, "checker");
  store.database.execute("GRANT SELECT ON event_store, stages TO " + role.name());
  const Outcome outcome = check({"--projection", "stages", "--dsn", role.dsn()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("GRANT INSERT, UPDATE, DELETE ON \"public\".\"stages\" TO"));
}

TEST_F(CheckTest, WarnsWhereNoIndexServesTheOrder) {
  EXPECT_THAT(check().err, testing::Not(HasSubstr("CREATE INDEX")));
  store.database.execute("DROP INDEX event_store_ts_event_id_idx");
  const Outcome outcome = check();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("CREATE INDEX"));
}

TEST_F(CheckTest, StandsBesideTheOptionsItChecks) {
  EXPECT_EQ(check({"--mode", "APPLY", "--truncate", "--projection", "stages"}).exit_code, 0);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM stages"), "0");  // nothing was applied
  for (const char* other : {"--list", "--init=stages"}) EXPECT_EQ(check({other}).exit_code, 1);
}

}  // namespace
}  // namespace rebuild_projection::test

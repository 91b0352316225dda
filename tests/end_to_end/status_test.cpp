// Without this nobody could see how far a projection is, or who is rebuilding it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection {
namespace {

using test::OtherClient;
using test::Program;
using test::Recruiting;
using testing::ElementsAre;
using testing::HasSubstr;

class StatusTest : public testing::Test {
 protected:
  StatusTest() { recruiting.append(1, 300); }

  /// The lines below the headings, with one space between words.
  std::vector<std::string> lines(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"--status", "--dsn", recruiting.database.dsn()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto run = Program::run(arguments);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    std::vector<std::string> result(1);
    for (const char c : run.out) {
      if (c == '\n')
        result.emplace_back();
      else if (c != ' ' || !result.back().ends_with(' '))
        result.back() += c;
    }
    result.pop_back();
    EXPECT_FALSE(result.empty());
    result.erase(result.begin());
    return result;
  }
  std::string moved(const std::string& projection) {
    return recruiting.checkpoint("date_trunc('second', updated_at AT TIME ZONE 'UTC') || '+00'", projection);
  }

  Recruiting recruiting;
};

TEST_F(StatusTest, SaysThatThereIsNothingYet) {
  const std::string before = recruiting.everything();
  const auto run = Program::run({"--status", "--dsn", recruiting.database.dsn()});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "no checkpoints: nothing was rebuilt yet\n");
  EXPECT_EQ(recruiting.everything(), before);
}

TEST_F(StatusTest, ShowsHowFarEachProjectionIs) {
  ASSERT_EQ(recruiting.apply("stages").exit_code, 0);
  ASSERT_EQ(recruiting.apply("counters", {"--max-events", "120"}).exit_code, 0);
  const std::string before = recruiting.everything();
  EXPECT_THAT(lines(), ElementsAre("counters public.counters running 120 180 00:01:00 " + moved("counters") +
                                       " 2025-01-01 00:00:40+00, " + test::event_id(120) + " -",
                                   "stages public.stages complete 300 0 00:00:00 " + moved("stages") +
                                       " 2025-01-01 00:01:40+00, " + test::event_id(300) + " -"));
  EXPECT_EQ(recruiting.everything(), before);
}

TEST_F(StatusTest, MeasuresNoLagBehindAnotherStore) {
  ASSERT_EQ(recruiting.apply("stages").exit_code, 0);
  const std::string other = recruiting.results.write(
      "other.toml",
      "from = \"event_store\"\norder = [\"event_id\"]\nevent_id = \"event_id\"\ntype = \"event_type\"\npayload = "
      "\"payload\"\n");
  const auto found = lines({"--store", other});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], HasSubstr("stages public.stages complete 300 ? ? "));
}

TEST_F(StatusTest, NamesWhoIsAtIt) {
  ASSERT_EQ(recruiting.apply("stages").exit_code, 0);
  OtherClient other(recruiting.database);
  other.execute("SELECT FROM stages FOR UPDATE");
  const auto begin = [&](const char* projection) {
    return std::make_unique<Program>(
        recruiting.with_places({"--projection", projection, "--mode", "APPLY", "--fence", "off"}));
  };
  const auto one = begin("stages");
  ASSERT_TRUE(recruiting.wait_until_blocked());
  const std::string pid = recruiting.database.value(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND"
      " application_name ^@ 'rebuild_projection/commit'");
  const auto found = lines();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], testing::StartsWith("stages public.stages complete 300 0 "));
  EXPECT_THAT(found[0], HasSubstr(" server process " + pid + " of role "));
  other.execute("ROLLBACK");
  EXPECT_EQ(one->wait().exit_code, 0);
}

TEST_F(StatusTest, NamesARebuildBeforeItsFirstCheckpoint) {
  OtherClient other(recruiting.database);
  other.execute("CREATE SCHEMA rebuild_projection");  // which the run must wait for, to make its own
  Program program(recruiting.with_places({"--projection", "counters", "--mode", "APPLY", "--fence", "off"}));
  ASSERT_TRUE(recruiting.wait_until_blocked());
  const auto found = lines();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], testing::StartsWith("- public.counters no checkpoint 0 ? ? "));
  EXPECT_THAT(found[0], HasSubstr("server process "));
  other.execute("ROLLBACK");
  EXPECT_EQ(program.wait().exit_code, 0);
}

TEST_F(StatusTest, NeedsNoMoreThanToRead) {
  ASSERT_EQ(recruiting.apply("stages").exit_code, 0);
  const test::Role role(recruiting.database, "looker");
  const std::vector<std::string> arguments{"--status", "--dsn", role.dsn()};
  recruiting.database.execute("GRANT SELECT ON event_store TO " + role.name());
  const auto refused = Program::run(arguments);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("permission denied for schema rebuild_projection"));
  recruiting.database.execute("GRANT USAGE ON SCHEMA rebuild_projection TO " + role.name() +
                              "; GRANT SELECT ON rebuild_projection.rebuild_checkpoints TO " + role.name());
  const auto run = Program::run(arguments);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("public.stages"));
}

}  // namespace
}  // namespace rebuild_projection

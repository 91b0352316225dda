// Without this file events could be left out in silence: a run that skipped some, one that goes on with such rows, and
// a comparison that leaves out the same events would all look like one of every event.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Lines = std::vector<std::string>;

class Skipped : public testing::Test {
 protected:
  Skipped() {
    store.database.execute("CREATE TABLE amounts (id text PRIMARY KEY, n integer CHECK (n < 1000))");
    store.projections.write("amounts.toml",
                            "name = \"amounts\"\ntable = \"amounts\"\nkey = [\"id\"]\n[[on]]\nevent = \"counted\"\n"
                            "key = { id = \"@stream_id\" }\nset = { n = \"/n\" }\n");
    append(1, "7");
    for (std::uint64_t number = 2; number <= bad + 1; ++number) append(number, R"("no number")");
    append(bad + 2, "5000");  // the server refuses it
    append(bad + 3, "8");
  }
  void append(std::uint64_t number, const std::string& n) {
    store.database.append(number, number, "counted", "s" + std::to_string(number), "{\"n\": " + n + "}");
  }
  Outcome run(const std::string& mode, Lines more = {}) {
    more.insert(more.begin(), {"--projection", "amounts", "--mode", mode});
    return store.run(more);
  }
  static Lines warnings(const Outcome& run) { return run.summary["warnings"].get<Lines>(); }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t times = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
    return times;
  }

  static constexpr std::uint64_t bad = 30;
  const std::string skip = "--on-error";
  Recruiting store;
};

TEST_F(Skipped, EventsAreLoggedCountedAndToldWhereTheyAreRecorded) {
  const Outcome outcome = run("APPLY", {skip, "skip", "--meta-schema", "kept"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.out,
              HasSubstr("ended        complete, 31 events skipped: every other event in range was processed"));
  EXPECT_THAT(warnings(outcome),
              Contains("31 events were skipped, and the rows are as the others say; they are recorded "
                       "in kept.rebuild_dead_letters"));
  EXPECT_EQ(outcome.summary["projections"][0]["skipped"], 31);
  EXPECT_EQ(outcome.summary["projections"][0]["dead_letters"].size(), 31U);
  EXPECT_EQ(outcome.summary["projections"][0]["dead_letters"][0]["event_id"], event_id(2));
  EXPECT_EQ(count(outcome.err, "; skipped\n"), 20U);  // the first ones, and a note
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("projection amounts, event " + event_id(2) + " at "),
                                 HasSubstr("further events that are skipped are not logged")));
  EXPECT_EQ(store.database.value("SELECT count(*) FROM kept.rebuild_dead_letters"), "31");
}

TEST_F(Skipped, EventsAreNamedByARunThatGoesOn) {
  for (const Lines& strategy : {Lines{}, Lines{"--strategy", "shadow"}}) {
    Lines more{skip, "skip"};
    more.insert(more.end(), strategy.begin(), strategy.end());
    ASSERT_EQ(run("APPLY", more).exit_code, 2);
  }
  append(100, "9");
  const Outcome outcome = run("APPLY", {"--resume"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(warnings(outcome),
              Contains(AllOf(HasSubstr("projection amounts: 31 events were skipped when its rows were built"),
                             HasSubstr("rebuild_projection.rebuild_dead_letters"))));
}

TEST_F(Skipped, EventsKeepVerifyFromAVerdictAndAreListedByIt) {
  ASSERT_EQ(run("APPLY", {skip, "skip"}).exit_code, 2);
  const Outcome outcome = run("VERIFY", {skip, "skip"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("verdict      none: 31 events were left out"), Not(HasSubstr("Certificate"))));
  EXPECT_EQ(outcome.summary["projections"][0]["comparison"]["digest"], "");
  EXPECT_EQ(count(outcome.err, "; skipped\n"), 31U);
  for (std::uint64_t number = 2; number <= bad + 2; ++number) EXPECT_THAT(outcome.err, HasSubstr(event_id(number)));

  // The events were mended, and the rows by hand: they are equal, and what is recorded says that they need not be.
  store.database.execute(
      "UPDATE event_store SET payload = '{\"n\": 1}' WHERE event_type = 'counted';"
      " DELETE FROM amounts; INSERT INTO amounts SELECT aggregate_id, 1 FROM event_store");
  const Outcome mended = run("VERIFY");
  EXPECT_EQ(mended.exit_code, 2);
  EXPECT_THAT(mended.out,
              AllOf(HasSubstr("verdict      none: 31 events were left out"), Not(HasSubstr("Certificate"))));
  EXPECT_THAT(warnings(mended), Contains(HasSubstr("31 events were skipped when its rows were built")));
  // A rebuild without a skip ends that.
  ASSERT_EQ(run("APPLY").exit_code, 0);
  EXPECT_THAT(run("VERIFY").out, AllOf(HasSubstr("verdict      equal"), HasSubstr("Certificate")));
}

TEST_F(Skipped, EventsKeepAnExplainedRowFromAVerdict) {
  store.database.execute("INSERT INTO amounts VALUES ('s1', 7), ('s2', NULL)");
  EXPECT_EQ(store.run({"--projection", "amounts", "--explain-row", "s1"}).exit_code, 0);
  const Outcome skipped = store.run({"--projection", "amounts", "--explain-row", "s2", skip, "skip"});
  EXPECT_EQ(skipped.exit_code, 2);
  EXPECT_THAT(skipped.out, AllOf(HasSubstr("1 event was skipped, and may touch the row; no verdict"),
                                 Not(HasSubstr("by the events"))));
  const Outcome stopped = store.run({"--projection", "amounts", "--explain-row", "s2"});
  EXPECT_EQ(stopped.exit_code, 2);
  EXPECT_THAT(stopped.out,
              AllOf(HasSubstr("ended early: failed: "), HasSubstr("later events may touch the row; no verdict"),
                    Not(HasSubstr("by the events"))));
}

/// Nothing of what was read before a signal touches the row, which says nothing of the other events.
TEST_F(Skipped, EventsThatASignalLeavesUnreadKeepARowFromAVerdictToo) {
  OtherClient holder(store.database);
  holder.execute("SELECT pg_advisory_lock(42)");
  store.always = {"--fence", "off"};
  const std::string waiting = store.store_that_waits_at(1);
  Program program(store.with_places({"--projection", "amounts", "--explain-row", "s1", "--store", waiting}));
  ASSERT_TRUE(store.wait_until_blocked());
  program.signal(SIGTERM);
  const Outcome outcome = store.result_of(program);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("no event that was read touches this row"),
                                 HasSubstr("ended early: cancelled"), Not(HasSubstr("by the events"))));
}

}  // namespace
}  // namespace rebuild_projection::test

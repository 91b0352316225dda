// Without this a rebuild that died after hours would start over, or go on and apply an event twice, or go on onto rows
// that are not what its checkpoint says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection {
namespace {

using test::Outcome;
using test::Recruiting;
using testing::HasSubstr;
using testing::Not;

class ResumeTest : public testing::Test {
 protected:
  ResumeTest() { recruiting.append(1, 1000); }

  /// Rebuilds the first events of a projection only.
  void begin(const std::string& projection, const std::string& events) {
    const Outcome run = recruiting.apply(projection, {"--max-events", events, "--batch-size", "70"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  Outcome resume(const std::string& projection, std::vector<std::string> more = {}) {
    more.emplace_back("--resume");
    return recruiting.apply(projection, more);
  }
  /// A resume ends with 1 for this reason, and nothing is another than before.
  void expect_refused(const std::string& reason, const std::vector<std::string>& more = {}) {
    const std::string before = recruiting.everything();
    const Outcome run = resume("stages", more);
    EXPECT_EQ(run.exit_code, 1) << run.out;
    EXPECT_THAT(run.err, HasSubstr("projection stages cannot go on at its checkpoint: "));
    EXPECT_THAT(run.err, HasSubstr(reason));
    EXPECT_THAT(run.err, HasSubstr("rebuild it from the beginning, without --resume"));
    EXPECT_EQ(recruiting.everything(), before);
  }
  void change_file(const std::string& name, const std::string& from, const std::string& to) {
    std::string text = recruiting.projections.read(name);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    recruiting.projections.write(name, text.replace(at, from.size(), to));
  }

  Recruiting recruiting;
};

TEST_F(ResumeTest, GoesOnWhereItWasWithOtherSettings) {
  begin("all", "333");
  const Outcome run = resume("all", {"--batch-size", "17", "--tokens", "3", "--workers", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 667);
  for (const char* projection : {"event_rows", "stages", "counters"}) {
    EXPECT_EQ(recruiting.differing(projection), "0") << projection;
    EXPECT_EQ(recruiting.checkpoint("events || ' ' || state", projection), "1000 complete");
  }
}

TEST_F(ResumeTest, AppliesEachEventOnlyWhereItIsNew) {
  begin("counters", "210");
  begin("stages", "610");
  // One batch spans all three positions, and the small ones end between them.
  for (const char* batch_size : {"10000", "97"}) {
    SCOPED_TRACE(batch_size);
    begin("counters", "210");
    begin("stages", "610");
    recruiting.database.execute(
        "DELETE FROM rebuild_projection.rebuild_checkpoints WHERE projection_name = 'event_rows'");
    const Outcome run = resume("all", {"--batch-size", batch_size});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["events_read"], 1000);
    EXPECT_EQ(run.projection("event_rows")["already_there"], 0);
    EXPECT_EQ(run.projection("counters")["already_there"], 210);
    EXPECT_EQ(run.projection("stages")["already_there"], 610);
    for (const char* projection : {"event_rows", "stages", "counters"}) {
      EXPECT_EQ(recruiting.differing(projection), "0") << projection;
      EXPECT_EQ(recruiting.checkpoint("events", projection), "1000") << projection;
      const auto part = run.projection(projection);
      EXPECT_EQ(part["applied"].get<int>() + part["ignored"].get<int>() + part["already_there"].get<int>(), 1000);
    }
  }
}

TEST_F(ResumeTest, LeavesAProjectionAloneThatIsAheadOfTheRun) {
  begin("counters", "210");
  begin("stages", "610");
  const std::string position = recruiting.checkpoint("position", "stages");
  const Outcome run = resume("stages,counters", {"--max-events", "100", "--batch-size", "40"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(recruiting.checkpoint("position", "stages"), position);
  EXPECT_EQ(recruiting.checkpoint("events", "stages"), "610");
  EXPECT_EQ(recruiting.checkpoint("events", "counters"), "310");
  EXPECT_EQ(recruiting.differing_up_to_checkpoint("stages"), "0");
  EXPECT_EQ(recruiting.differing_up_to_checkpoint("counters"), "0");
}

TEST_F(ResumeTest, FindsTheEventToBlameInABatchThatSpansPositions) {
  begin("counters", "210");
  recruiting.database.execute(
      "UPDATE event_store SET payload = jsonb_set(payload, '{n}', '9999999999') WHERE event_id = '" +
      test::event_id(150) + "' OR event_id = '" + test::event_id(700) + "'");
  change_file("counters.toml", "total = \"/n\"", "total = 1");  // the definition is another: it starts over
  recruiting.database.execute("DELETE FROM rebuild_projection.rebuild_checkpoints WHERE projection_name = 'stages'");
  begin("counters", "210");
  const Outcome run = resume("counters,event_rows", {"--on-error", "skip", "--batch-size", "5000"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.projection("event_rows")["skipped"], 2);
  EXPECT_EQ(run.projection("counters")["skipped"], 0);
  EXPECT_EQ(recruiting.database.value("SELECT count(*) FROM event_rows"), "998");
  EXPECT_EQ(recruiting.database.value("SELECT sum(changes) FROM counters"), "800");
  EXPECT_EQ(recruiting.database.value("SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM"
                                      " rebuild_projection.rebuild_dead_letters"),
            test::event_id(150) + " " + test::event_id(700));
}

TEST_F(ResumeTest, CatchesUpWithWhatWasAppended) {
  ASSERT_EQ(recruiting.apply("all").exit_code, 0);
  const Outcome nothing = resume("all");
  EXPECT_EQ(nothing.exit_code, 0) << nothing.err;
  EXPECT_EQ(nothing.summary["events_read"], 0);
  EXPECT_EQ(recruiting.checkpoint("state", "counters"), "complete");
  recruiting.append(1001, 1234);
  const Outcome run = resume("all");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 234);
  for (const char* projection : {"event_rows", "stages", "counters"})
    EXPECT_EQ(recruiting.differing(projection), "0") << projection;
}

TEST_F(ResumeTest, StartsOverWithoutACheckpoint) {
  recruiting.database.execute("INSERT INTO counters VALUES ('nobody', 5, 5)");
  const Outcome run = resume("counters");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(recruiting.differing("counters"), "0");
  EXPECT_EQ(run.projection("counters")["rows_cleared"], 1);
}

TEST_F(ResumeTest, GoesOnAfterAnEventThatStoppedIt) {
  recruiting.database.execute("UPDATE event_store SET payload = '{\"n\": \"none\"}' WHERE event_id = '" +
                              test::event_id(501) + "'");
  EXPECT_EQ(recruiting.apply("counters", {"--batch-size", "100"}).exit_code, 2);
  EXPECT_EQ(recruiting.checkpoint("events", "counters"), "500");
  recruiting.database.execute("UPDATE event_store SET payload = '{\"n\": 501}' WHERE event_id = '" +
                              test::event_id(501) + "'");
  const Outcome run = resume("counters");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(recruiting.differing("counters"), "0");
}

TEST_F(ResumeTest, GoesOnAfterTheEndOfAnEarlierRange) {
  ASSERT_EQ(recruiting.apply("counters", {"--to-ts", "2025-01-01T00:01:40Z"}).exit_code, 0);
  EXPECT_EQ(recruiting.checkpoint("state", "counters"), "running");
  EXPECT_EQ(resume("counters", {"--to-ts", "2025-01-01T00:02:00Z"}).exit_code, 0);
  EXPECT_EQ(recruiting.differing("counters", "ts < '2025-01-01T00:02:00Z'"), "0");
  EXPECT_EQ(resume("counters").exit_code, 0);
  EXPECT_EQ(recruiting.differing("counters"), "0");
  EXPECT_EQ(recruiting.checkpoint("state", "counters"), "complete");
}

TEST_F(ResumeTest, CountsInADryRunAndWritesNothing) {
  begin("counters", "210");
  const std::string before = recruiting.everything();
  const Outcome run = recruiting.dry_run("all", {"--resume"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 1000);
  EXPECT_EQ(run.projection("counters")["already_there"], 210);
  EXPECT_EQ(recruiting.everything(), before);
}

TEST_F(ResumeTest, RefusesAnotherDefinition) {
  begin("stages", "400");
  change_file("stages.toml", "at = \"@ts\"", "at = { path = \"@ts\" }");
  EXPECT_EQ(resume("stages", {"--max-events", "1"}).exit_code, 0) << "the same, written otherwise";
  change_file("stages.toml", "\"/stage\"", "\"/other\"");
  expect_refused("its definition is another");
}

TEST_F(ResumeTest, RefusesAColumnMadeAnew) {
  begin("stages", "400");
  recruiting.database.execute("ALTER TABLE stages ADD unrelated text; ALTER TABLE stages ALTER stage SET STATISTICS 7");
  EXPECT_EQ(resume("stages", {"--max-events", "1"}).exit_code, 0) << "the same columns";
  recruiting.database.execute("ALTER TABLE stages DROP COLUMN stage; ALTER TABLE stages ADD stage text");
  expect_refused("a column that it writes was made anew since");
}

TEST_F(ResumeTest, RefusesAnotherVersion) {
  begin("stages", "400");
  change_file("stages.toml", "key ", "version = 2\nkey ");
  expect_refused("its version was 1 and is 2");
}

TEST_F(ResumeTest, RefusesAnotherKey) {
  begin("stages", "400");
  recruiting.database.execute("CREATE UNIQUE INDEX ON stages (last_event)");
  recruiting.projections.write("stages.toml",
                               "name = \"stages\"\ntable = \"stages\"\nkey = [\"last_event\"]\n[[on]]\n"
                               "event = \"stage_changed\"\nkey = { last_event = \"@event_id\" }\n");
  expect_refused("its key was candidate_id and is last_event");
}

TEST_F(ResumeTest, RefusesAnotherTable) {
  begin("stages", "400");
  recruiting.database.execute("CREATE TABLE later_stages (LIKE stages INCLUDING ALL)");
  change_file("stages.toml", "table = \"stages\"", "table = \"later_stages\"");
  expect_refused("its table was public.stages and is public.later_stages");
}

TEST_F(ResumeTest, RefusesATableMadeAnew) {
  begin("stages", "400");
  recruiting.database.execute(
      "ALTER TABLE stages RENAME TO old; CREATE TABLE stages (LIKE old INCLUDING ALL); DROP TABLE old");
  expect_refused("the table public.stages was made anew since");
}

TEST_F(ResumeTest, RefusesAnUnloggedTable) {
  begin("stages", "400");
  recruiting.database.execute("ALTER TABLE stages SET UNLOGGED");
  expect_refused("its table is unlogged");
}

TEST_F(ResumeTest, RefusesAnotherStore) {
  begin("stages", "400");
  const std::string columns =
      "event_id = \"event_id\"\nts = \"ts\"\ntype = \"event_type\"\nstream_id = \"aggregate_id\"\npayload = "
      "\"payload\"\n";
  const std::string order = "order = [\"ts\", \"event_id\"]\n";
  expect_refused("its store was event_store and is archive",
                 {"--store", recruiting.results.write(
                                 "archive.toml", "name = \"archive\"\nfrom = \"event_store\"\n" + order + columns)});
  expect_refused(
      "the description of the store event_store is another",
      {"--store", recruiting.results.write(
                      "event_store.toml",
                      "name = \"event_store\"\nfrom = \"(SELECT * FROM public.event_store)\"\n" + order + columns)});
}

TEST_F(ResumeTest, RefusesAnotherDatabase) {
  begin("stages", "400");
  test::Database other;
  other.create_event_store();
  expect_refused("its events come from another database", {"--source-dsn", other.dsn()});
}

TEST_F(ResumeTest, RefusesAnotherFirstPosition) {
  begin("stages", "400");
  recruiting.append(0, 0);
  expect_refused("the store's first event was at 2025-01-01 00:00:00+00, " + test::event_id(1) + " and is now at");
}

TEST_F(ResumeTest, RefusesAStoreThatEndsBeforeTheCheckpoint) {
  begin("stages", "400");
  recruiting.database.execute("DELETE FROM event_store WHERE event_id >= '" + test::event_id(390) + "'");
  const Outcome run = resume("stages");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("and the store event_store ends before that, at 2025-01-01 00:02:09+00, " +
                                 test::event_id(389)));
}

TEST_F(ResumeTest, RefusesAStoreWithoutTheLastEvent) {
  begin("stages", "400");
  recruiting.database.execute("DELETE FROM event_store WHERE event_id = '" + test::event_id(400) + "'");
  expect_refused("the store no longer has the event " + test::event_id(400));
}

TEST_F(ResumeTest, RefusesWhatWasReplayedInPart) {
  ASSERT_EQ(recruiting.apply("stages", {"--from-ts", "2025-01-01T00:01:40Z"}).exit_code, 0);
  expect_refused("it was replayed in part, or without clearing");
}

/// A store that is ordered by a number, while its times need not rise with it.
class ResumeByNumberTest : public ResumeTest {
 protected:
  ResumeByNumberTest() {
    recruiting.database.execute(
        "ALTER TABLE event_store ADD n bigint; UPDATE event_store SET n = (payload->>'n')::bigint;"
        " CREATE UNIQUE INDEX ON event_store (n)");
    recruiting.always = {"--store",
                         recruiting.results.write("numbered.toml",
                                                  "name = \"numbered\"\nfrom = \"event_store\"\norder = [\"n\"]\n"
                                                  "event_id = \"event_id\"\nts = \"ts\"\ntype = \"event_type\"\n"
                                                  "stream_id = \"aggregate_id\"\npayload = \"payload\"\n")};
  }
  /// Event 250 seems to have happened an hour later.
  void set_a_clock_wrong() {
    recruiting.database.execute("UPDATE event_store SET ts = ts + interval '1 hour' WHERE n = 250");
  }
  void expect_partial(const Outcome& run) {
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["ending"], "partial");
    EXPECT_TRUE(run.summary["last_position"].is_null());
    EXPECT_THAT(run.out, HasSubstr("ended        partial: "));
    EXPECT_THAT(run.out, Not(HasSubstr("continues after this position")));
  }
};

TEST_F(ResumeByNumberTest, GoesOnAfterATimeWhereTimesRise) {
  const Outcome first = recruiting.apply("all", {"--to-ts", "2025-01-01T00:01:40Z"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.summary["ending"], "complete");
  EXPECT_EQ(first.summary["last_position"], nlohmann::json({"299"}));
  EXPECT_EQ(resume("all", {"--to-ts", "2025-01-01T00:02:40Z"}).summary["events_read"], 180);
  EXPECT_EQ(resume("all").exit_code, 0);
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(recruiting.differing(projection), "0");
}

TEST_F(ResumeByNumberTest, NamesNoPositionWhereATimeLeavesEarlierEventsOut) {
  set_a_clock_wrong();
  expect_partial(recruiting.dry_run("all", {"--to-ts", "2025-01-01T00:01:40Z"}));
  expect_partial(recruiting.apply("all", {"--to-ts", "2025-01-01T00:01:40Z"}));
  EXPECT_EQ(recruiting.differing("event_rows", "ts < '2025-01-01T00:01:40Z'"), "0");
  EXPECT_EQ(recruiting.checkpoint("state", "stages"), "partial");
  expect_refused("it was replayed in part, or without clearing");
  // Up to a time before the odd event all is well; from there on no run can end at a time.
  ASSERT_EQ(recruiting.apply("all", {"--to-ts", "2025-01-01T00:01:10Z"}).summary["ending"], "complete");
  const Outcome run = resume("all", {"--to-ts", "2025-01-01T00:02:40Z"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err,
              HasSubstr("--to-ts would leave out events that come, in the order of the store numbered, before"));
  EXPECT_EQ(resume("all").exit_code, 0);
  for (const char* projection : {"event_rows", "counters"}) EXPECT_EQ(recruiting.differing(projection), "0");
}

TEST_F(ResumeByNumberTest, NamesNoPositionWhereABeginningLeavesLaterEventsOut) {
  ASSERT_EQ(recruiting.apply("all").exit_code, 0);
  EXPECT_EQ(recruiting.apply("stages", {"--from-ts", "2025-01-01T00:01:40Z"}).summary["ending"], "complete");
  recruiting.database.execute("UPDATE event_store SET ts = ts - interval '1 hour' WHERE n = 500");
  expect_partial(recruiting.apply("stages", {"--from-ts", "2025-01-01T00:01:40Z"}));
}

TEST_F(ResumeByNumberTest, TouchedRowsKeepWhatLaterEventsOfEarlierTimesDid) {
  recruiting.database.execute("UPDATE event_store SET ts = ts - interval '1 hour' WHERE n >= 990");
  ASSERT_EQ(recruiting.apply("all").exit_code, 0);
  const Outcome run = recruiting.apply("all", {"--from-ts", "2025-01-01T00:05:00Z", "--scope", "touched"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  for (const char* projection : {"event_rows", "counters"}) EXPECT_EQ(recruiting.differing(projection), "0");
}

TEST_F(ResumeTest, SaysEveryReasonOfEveryProjection) {
  begin("all", "400");
  change_file("stages.toml", "key ", "version = 2\nkey ");
  change_file("counters.toml", "changes = 1", "changes = 2");
  const Outcome run = resume("all");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("projection stages cannot go on at its checkpoint: "));
  EXPECT_THAT(run.err, HasSubstr("projection counters cannot go on at its checkpoint: its definition is another"));
}

}  // namespace
}  // namespace rebuild_projection

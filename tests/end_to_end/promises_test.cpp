// Without this file order, clearing, checkpoints and the honesty of the summary would be promises that nothing checks.
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class PromisesTest : public testing::Test {
 protected:
  PromisesTest() { store.always = {"--fence", "off"}; }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
  void write_projection(const std::string& name, const std::string& rules) {
    store.projections.write(name + ".toml",
                            "name = \"" + name + "\"\ntable = \"" + name + "\"\nkey = [\"id\"]\n" + rules);
  }
  std::string state(const std::string& projection) { return store.checkpoint("state", projection); }
  Recruiting store;
};

TEST_F(PromisesTest, EventsOfOneInstantAreOrderedByTheirId) {
  // All at one time, in a table whose own order says nothing; every concurrency gives the same rows.
  store.database.execute(
      "INSERT INTO event_store SELECT md5(n::text)::uuid, timestamptz '2025-01-01Z', 'stage_changed', (n % 5)::text,"
      " jsonb_build_object('n', n, 'stage', n) FROM generate_series(1, 3000) AS n");
  for (const char* order : {"by an index", "by sorting"}) {
    for (const auto& concurrency :
         std::vector<std::vector<std::string>>{{"--tokens", "1", "--workers", "1"},
                                               {"--tokens", "16", "--workers", "4", "--batch-size", "7"},
                                               {"--tokens", "3", "--workers", "2", "--batch-size", "100000"}}) {
      ASSERT_EQ(store.apply("all", concurrency).exit_code, 0);
      for (const char* projection : {"event_rows", "stages", "counters"})
        EXPECT_EQ(store.differing(projection), "0") << projection << order << testing::PrintToString(concurrency);
    }
    store.database.execute("DROP INDEX IF EXISTS event_store_ts_event_id_idx");
  }
}

TEST_F(PromisesTest, ReadersNeverSeeAHalfClearedTable) {
  store.append(1, 100);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  store.append(101, 200);
  const std::string old_rows = store.database.digest("stages");
  OtherClient reader(store.database, "BEGIN ISOLATION LEVEL REPEATABLE READ");
  const std::string digest = "SELECT md5(string_agg((t.*)::text, ' ' ORDER BY (t.*)::text)) FROM stages t";
  const std::string seen = reader.value(digest);
  {
    // A row of the first batch that another client holds back, so that the batch stays open after its DELETE.
    store.database.execute("INSERT INTO event_store VALUES ('" + event_id(0) +
                           "', '2025-01-01Z', 'stage_changed', 'held', '{\"n\": 0}')");
    OtherClient holder(store.database);
    holder.execute("INSERT INTO stages VALUES ('held')");
    Program program(store.with_places({"--projection", "stages", "--mode", "APPLY"}));
    ASSERT_TRUE(store.wait_until_blocked());
    EXPECT_EQ(store.database.digest("stages"), old_rows);
    holder.execute("ROLLBACK");
    EXPECT_EQ(store.result_of(program).exit_code, 0);
  }
  EXPECT_NE(store.database.digest("stages"), old_rows);
  EXPECT_EQ(reader.value(digest), seen);
}

TEST_F(PromisesTest, TruncateIsFasterAndSeenByOlderSnapshots) {
  store.append(1, 100);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  const std::string file = "SELECT pg_relation_filenode('stages')";
  const std::string filled = store.database.value(file);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  EXPECT_EQ(store.database.value(file), filled);  // DELETE keeps the table's file
  OtherClient reader(store.database, "BEGIN ISOLATION LEVEL REPEATABLE READ");
  reader.value("SELECT pg_current_snapshot()");
  const Outcome run = store.apply("stages", {"--truncate"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("stages")["rows_cleared"], 7);
  EXPECT_NE(store.database.value(file), filled);
  EXPECT_EQ(reader.value("SELECT count(*) FROM stages"), "0");
  EXPECT_EQ(store.differing("stages"), "0");
}

TEST_F(PromisesTest, ClearingFollowsItsOption) {
  store.append(1, 100);
  const std::string left = "SELECT count(*) FROM stages WHERE candidate_id = 'left over'";
  const struct {
    std::vector<std::string> options;
    const char* left_over;
    const char* state;
  } cases[] = {
      {{}, "0", "complete"},
      {{"--clear", "always"}, "0", "complete"},
      {{"--clear", "never"}, "1", "partial"},
      {{"--from-ts", "2025-01-01"}, "1", "partial"},
      {{"--from-event-id", event_id(50)}, "1", "partial"},
      {{"--from-event-id", event_id(50), "--clear", "never"}, "1", "partial"},
      {{"--from-event-id", event_id(50), "--clear", "always"}, "0", "partial"},
      {{"--to-ts", "2025-01-01T00:00:20Z"}, "0", "running"},
      {{"--max-events", "50"}, "0", "running"},
  };
  for (const auto& rule : cases) {
    store.database.execute("DELETE FROM stages; INSERT INTO stages VALUES ('left over')");
    const Outcome run = store.apply("stages", rule.options);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.database.value(left), rule.left_over) << testing::PrintToString(rule.options);
    EXPECT_EQ(state("stages"), rule.state) << testing::PrintToString(rule.options);
    EXPECT_EQ(run.projection("stages")["rows_cleared"], rule.left_over[0] == '0' ? 1 : 0);
  }
}

TEST_F(PromisesTest, ReplayingOntoRowsGivesTheSameRowsWhereRulesAreRepeatable) {
  store.append(1, 100);
  ASSERT_EQ(store.apply("event_rows,stages").exit_code, 0);
  const std::string rows = store.database.digest("event_rows") + store.database.digest("stages");
  for (const std::uint64_t after : {1U, 37U, 99U}) {
    ASSERT_EQ(store.apply("event_rows,stages", {"--from-event-id", event_id(after), "--batch-size", "10"}).exit_code,
              0);
    EXPECT_EQ(store.database.digest("event_rows") + store.database.digest("stages"), rows) << after;
  }
  // One that ends early leaves rows that are older than before, and says how to finish.
  const Outcome run = store.apply("stages", {"--from-event-id", event_id(10), "--max-events", "20"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(has(run.out, "older")) << run.out;
  EXPECT_TRUE(has(run.out, "--from-event-id " + event_id(30))) << run.out;
  ASSERT_EQ(store.apply("stages", {"--from-event-id", event_id(30)}).exit_code, 0);
  EXPECT_EQ(store.differing("stages"), "0");
}

TEST_F(PromisesTest, RulesThatCountAreNotReplayedOntoTheirOwnRows) {
  store.append(1, 20);
  store.database.execute(
      "CREATE TABLE added (id text PRIMARY KEY, n bigint NOT NULL DEFAULT 0);"
      "CREATE TABLE appended (id text PRIMARY KEY, stages text[]);"
      "CREATE TABLE updated (id text PRIMARY KEY, stage text)");
  const std::string rule = "[[on]]\nevent = \"stage_changed\"\nkey = { id = \"@stream_id\" }\n";
  write_projection("added", rule + "add = { n = 1 }\n");
  write_projection("appended", rule + "append = { stages = \"/stage\" }\n");
  write_projection("updated", rule + "rows = \"update\"\nset = { stage = \"/stage\" }\n");
  for (const char* projection : {"added", "appended", "updated"}) {
    ASSERT_EQ(store.apply(projection).exit_code, 0) << projection;
    const std::string before = store.everything();
    for (const auto& options : std::vector<std::vector<std::string>>{
             {"--clear", "never"}, {"--from-event-id", event_id(5)}, {"--from-ts", "2025-01-01T00:00:01Z"}}) {
      const Outcome run = store.apply(projection, options);
      EXPECT_EQ(run.exit_code, 1) << projection;
      EXPECT_TRUE(has(run.err, std::string(projection) + ".toml:7") ||
                  has(run.err, std::string(projection) + ".toml:4"))
          << run.err;
      EXPECT_TRUE(has(run.err, "--clear always")) << run.err;
      EXPECT_EQ(store.dry_run(projection, options).exit_code, 1) << projection;
    }
    EXPECT_EQ(store.everything(), before);
    EXPECT_EQ(store.apply(projection, {"--from-event-id", event_id(5), "--clear", "always"}).exit_code, 0);
  }
}

TEST_F(PromisesTest, NoEventsInRangeDoNotEmptyATable) {
  store.append(1, 20);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  const std::string before = store.everything();
  const Outcome refused = store.apply("stages", {"--to-ts", "2020-01-01"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(has(refused.err, "7 rows")) << refused.err;
  EXPECT_TRUE(has(refused.err, "--clear always")) << refused.err;
  EXPECT_EQ(store.everything(), before);

  const Outcome cleared = store.apply("stages", {"--to-ts", "2020-01-01", "--clear", "always"});
  EXPECT_EQ(cleared.exit_code, 0) << cleared.err;
  EXPECT_EQ(cleared.projection("stages")["rows_cleared"], 7);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM stages"), "0");
  EXPECT_EQ(store.checkpoint("position IS NULL, last_event_id IS NULL, events", "stages"), "t|t|0");
  EXPECT_EQ(store.apply("stages", {"--to-ts", "2020-01-01"}).exit_code, 0);  // nothing there to lose
}

TEST_F(PromisesTest, ACheckpointNamesThePrefixThatItsRowsAreMadeOf) {
  store.append(1, 101);
  ASSERT_EQ(store.apply("stages,counters", {"--batch-size", "10"}).exit_code, 0);
  for (const char* projection : {"stages", "counters"})
    EXPECT_EQ(
        store.checkpoint("last_event_id, last_ts AT TIME ZONE 'UTC', position::text, first_position::text,"
                         " events, batches, state, version, table_name, store, updated_at > now() - interval '1h'",
                         projection),
        event_id(101) + "|2025-01-01 00:00:33|{\"2025-01-01 00:00:33+00\"," + event_id(101) +
            "}|{\"2025-01-01 00:00:00+00\"," + event_id(1) + "}|101|11|complete|1|public." + projection +
            "|event_store|t");
  // The definition tells two behaviours of one name apart.
  const std::string digest = store.checkpoint("definition_digest", "stages");
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  EXPECT_EQ(store.checkpoint("definition_digest", "stages"), digest);
  store.projections.write("stages.toml",
                          "name = \"stages\"\ntable = \"stages\"\nkey = [\"candidate_id\"]\nversion = 2\n[[on]]\n"
                          "event = \"stage_changed\"\nkey = { candidate_id = \"@stream_id\" }\n"
                          "set = { stage = \"/n\" }\n");
  // It does not write all columns that the first one wrote.
  ASSERT_EQ(store.apply("stages", {"--clear", "always"}).exit_code, 0);
  EXPECT_NE(store.checkpoint("definition_digest", "stages"), digest);
  EXPECT_EQ(store.checkpoint("version", "stages"), "2");
  // What was not selected keeps its own.
  EXPECT_EQ(store.checkpoint("events, batches, state", "counters"), "101|11|complete");
}

TEST_F(PromisesTest, TheMetaSchemaCanHaveAnotherName) {
  store.append(1, 20);
  for (const std::string schema : {"elsewhere", "we\"ird; schema"}) {
    const Outcome run = store.apply("stages", {"--meta-schema", schema});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.database.value("SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM"
                                   " information_schema.tables WHERE table_schema = '" +
                                   schema + "'"),
              "rebuild_checkpoints rebuild_dead_letters");
  }
  EXPECT_EQ(store.database.value("SELECT to_regnamespace('rebuild_projection') IS NULL"), "t");
}

TEST_F(PromisesTest, OnlyOneRebuildOfATableAtATime) {
  store.append(1, 100);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient other(store.database);
  other.execute("SELECT FROM stages FOR UPDATE");
  Program first(store.with_places({"--projection", "stages", "--mode", "APPLY"}));
  ASSERT_TRUE(store.wait_until_blocked());
  const std::string holder = store.database.value(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name ^@"
      " 'rebuild_projection/commit'");
  for (const char* projections : {"stages", "all", "event_rows,stages"}) {
    const Outcome second = store.apply(projections, {"--lock-timeout", "0"});
    EXPECT_EQ(second.exit_code, 1) << projections;
    EXPECT_TRUE(has(second.err, "another rebuild of public.stages") && has(second.err, holder)) << second.err;
  }
  EXPECT_EQ(store.apply("event_rows").exit_code, 0);  // another table may be rebuilt meanwhile
  other.execute("ROLLBACK");
  EXPECT_EQ(store.result_of(first).exit_code, 0);
  EXPECT_EQ(store.differing("stages"), "0");
  EXPECT_EQ(store.apply("stages").exit_code, 0);  // nothing is left locked
}

TEST_F(PromisesTest, AnUnloggedTableIsWarnedAbout) {
  store.append(1, 20);
  store.database.execute("ALTER TABLE stages SET UNLOGGED");
  const Outcome run = store.apply("stages");
  EXPECT_EQ(run.exit_code, 0);
  ASSERT_EQ(run.summary["warnings"].size(), 1U);
  EXPECT_TRUE(has(run.summary["warnings"][0], "public.stages is unlogged"));
  EXPECT_TRUE(has(run.out, "unlogged") && has(run.err, "unlogged"));
}

TEST_F(PromisesTest, ALateEventIsNotPassedOverInSilence) {
  store.append(10, 100);
  OtherClient other(store.database);
  other.execute("INSERT INTO event_rows VALUES ('" + event_id(50) + "')");
  Program program(store.with_places({"--projection", "event_rows", "--mode", "APPLY", "--batch-size", "10"}));
  ASSERT_TRUE(store.wait_until_blocked());
  store.append(1, 1);  // before everything that was read
  other.execute("ROLLBACK");
  const Outcome run = store.result_of(program);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.summary["ending"], "failed");
  EXPECT_TRUE(has(run.err, "now has 92 events") && has(run.err, "91 were replayed")) << run.err;
  EXPECT_EQ(state("event_rows"), "running");
  EXPECT_EQ(store.apply("event_rows").exit_code, 0);
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(PromisesTest, EventsThatComeAfterTheStartBelongToTheNextRun) {
  store.append(1, 100);
  OtherClient other(store.database);
  other.execute("INSERT INTO event_rows VALUES ('" + event_id(50) + "')");
  Program program(store.with_places({"--projection", "event_rows", "--mode", "APPLY", "--batch-size", "10"}));
  ASSERT_TRUE(store.wait_until_blocked());
  store.append(200, 220);
  other.execute("ROLLBACK");
  const Outcome run = store.result_of(program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 100);
  EXPECT_EQ(store.differing_up_to_checkpoint("event_rows"), "0");
}

TEST_F(PromisesTest, TheSummaryAccountsForEveryEvent) {
  store.append(1, 100);
  store.database.execute("UPDATE event_store SET aggregate_id = NULL WHERE event_id = '" + event_id(17) + "'");
  write_projection("misspelt",
                   "[[on]]\nevent = [\"stage_changed\", \"stage_chnaged\"]\nkey = { id = \"@event_id\" }\n");
  store.database.execute("CREATE TABLE misspelt (id uuid PRIMARY KEY)");
  const Outcome run = store.apply("all", {"--on-error", "skip", "--batch-size", "10"});
  EXPECT_EQ(run.exit_code, 2);
  for (const auto& entry : run.summary["projections"])
    EXPECT_EQ(run.summary["events_read"].get<int>(), entry["applied"].get<int>() + entry["ignored"].get<int>() +
                                                         entry["skipped"].get<int>() + entry["errors"].get<int>() +
                                                         entry["rolled_back"].get<int>())
        << entry;
  EXPECT_EQ(run.summary["events_by_type"], nlohmann::json({{"note_added", 20}, {"stage_changed", 80}}));
  EXPECT_EQ(run.projection("misspelt")["types_never_seen"], nlohmann::json({"stage_chnaged"}));
  EXPECT_EQ(run.projection("stages")["types_never_seen"], nlohmann::json::array());
  EXPECT_TRUE(has(run.out, "stage_chnaged")) << run.out;
  EXPECT_TRUE(has(run.out, event_id(100))) << run.out;  // where the application's projector goes on
  EXPECT_EQ(store.database.value("SELECT count(*) FROM pg_stat_user_tables WHERE relname IN ('stages', 'misspelt') AND"
                                 " last_analyze IS NULL"),
            "0");
}

TEST_F(PromisesTest, TheBannerNamesWhatWillBeCleared) {
  store.append(1, 100);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  const Outcome run = store.apply("stages", {"--max-events", "60"});
  for (const std::string& part :
       {store.database.name(), std::string("as postgres"), std::string("public.stages: 7 rows"), std::string("60")})
    EXPECT_TRUE(has(run.err, part)) << part << " in\n" << run.err;
}

}  // namespace
}  // namespace rebuild_projection::test

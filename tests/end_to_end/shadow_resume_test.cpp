// Without this file a shadow whose rebuild was cut short could be published wrong, or replayed though only publishing
// was left to do.
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "tests/end_to_end/shadow_store.h"
#include "tests/support/own_server.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class ShadowResumeTest : public ShadowStore {
 protected:
  ShadowResumeTest() {
    store.append(1, 1'000);
    EXPECT_EQ(store.apply("all").exit_code, 0);
    store.database.execute("UPDATE stages SET stage = 'wrong'; UPDATE counters SET changes = 0");
  }
};

TEST_F(ShadowResumeTest, GoesOnWithWhatIsThere) {
  const std::string before = live();
  Outcome run = shadow("all", {"--max-events", "600", "--batch-size", "30"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["ending"], "incomplete");
  EXPECT_THAT(run.out, HasSubstr("published    no: the live tables are as they were"));
  EXPECT_EQ(live(), before);
  EXPECT_THAT(store.run({"--status"}).out, HasSubstr("shadow, running"));
  run = shadow("all", {"--resume"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 400);
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, TheShadowGetsItsKeyWhenRowsAreLookedFor) {
  const auto keys = [this] {
    return store.database.value(
        "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE indisunique"
        " AND relnamespace = 'rebuild_projection'::regnamespace AND relname ~ '^shadow_[0-9]+$'");
  };
  ASSERT_EQ(shadow("all", {"--max-events", "500"}).exit_code, 0);
  EXPECT_EQ(keys(), "0");
  ASSERT_EQ(shadow("all", {"--resume", "--max-events", "100"}).exit_code, 0);
  EXPECT_EQ(keys(), "3");
  ASSERT_EQ(shadow("all", {"--resume", "--max-events", "100"}).exit_code, 0);
  EXPECT_EQ(keys(), "3");
  EXPECT_EQ(shadow("all", {"--resume"}).exit_code, 0);
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, ProjectionsAtDifferentPositions) {
  ASSERT_EQ(shadow("counters", {"--max-events", "600"}).exit_code, 0);
  ASSERT_EQ(shadow("stages", {"--max-events", "200"}).exit_code, 0);
  const Outcome run = shadow("all", {"--resume", "--batch-size", "70"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, ASignalLeavesTheLiveTablesAndTheShadow) {
  const std::string before = live();
  OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
  store.always = {"--fence", "off"};
  const std::vector<std::string> waiting{"--batch-size", "100", "--store", store.store_that_waits_at(950)};
  auto program = start("all", waiting);
  ASSERT_TRUE(store.wait_until_blocked());
  program->signal(SIGINT);
  Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_THAT(run.out, HasSubstr("--resume goes on with the shadow, --discard starts over"));
  EXPECT_EQ(live(), before);
  holder.execute("SELECT pg_advisory_unlock_all()");
  run = shadow("all", {"--resume", waiting[2], waiting[3]});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, WhereOnlyPublishingFailedNothingIsReplayed) {
  const std::string before = live();
  store.always = {"--fence", "off"};
  OtherClient writer(store.database);
  writer.execute("UPDATE counters SET changes = changes WHERE false");  // holds the table's lock
  Outcome run = shadow("all", {"--retries", "1"});
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("writers could not be kept out of "));
  EXPECT_THAT(run.err, HasSubstr("server process " + writer.value("SELECT pg_backend_pid()")));
  EXPECT_EQ(live(), before);
  EXPECT_EQ(shadow_state("counters"), event_id(1'000) + ": complete");
  writer.execute("ROLLBACK");
  run = shadow("all", {"--resume"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 0);
  EXPECT_EQ(run.projection("stages")["publication"]["updated"], 7);
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, AWriterThatEndsInTimeOnlyDelaysPublishing) {
  store.always = {"--fence", "off"};
  OtherClient writer(store.database);
  writer.execute("UPDATE counters SET changes = changes WHERE false");
  const auto program = start("all");
  ASSERT_TRUE(store.wait_until_blocked());
  std::this_thread::sleep_for(std::chrono::seconds(1));
  store.append(1'001, 1'100);  // for the next round
  writer.execute("ROLLBACK");
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_GT(run.summary["shadow"]["tries"], 1);
  expect_published(1'100);
}

TEST_F(ShadowResumeTest, ASignalWhileTheTableIsNotToBeHad) {
  const std::string before = live();
  store.always = {"--fence", "off"};
  OtherClient writer(store.database);
  writer.execute("UPDATE counters SET changes = changes WHERE false");
  const auto program = start("all");
  ASSERT_TRUE(store.wait_until_blocked());
  program->signal(SIGTERM);
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_EQ(live(), before);
  writer.execute("ROLLBACK");
  EXPECT_EQ(shadow("all", {"--resume"}).exit_code, 0);
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, AForeignKeyThatTheRowsContradictLeavesTheShadow) {
  store.database.execute(
      "CREATE TABLE known (id text PRIMARY KEY); INSERT INTO known SELECT candidate_id FROM stages;"
      "ALTER TABLE stages ADD FOREIGN KEY (candidate_id) REFERENCES known;"
      "DELETE FROM stages WHERE candidate_id = '3'; DELETE FROM known WHERE id = '3'");
  const std::string before = live();
  Outcome run = shadow("all");
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("publishing: "));
  EXPECT_EQ(live(), before);
  store.database.execute("INSERT INTO known VALUES ('3')");
  run = shadow("all", {"--resume"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 0);
  expect_published(1'000);
}

TEST_F(ShadowResumeTest, EventsUpToTheLiveProjectorsPosition) {
  // The projector has applied the first 600 events, and its cursor says so.
  store.database.execute("CREATE TABLE cursors AS SELECT ts, event_id FROM event_store WHERE payload->>'n' = '600'");
  const Outcome run = shadow("all", {"--live-position", "SELECT ts, event_id FROM public.cursors"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["shadow"]["position"][1], event_id(600));
  for (const char* projection : projections)
    EXPECT_EQ(store.differing(projection, "(payload->>'n')::integer <= 600"), "0") << projection;
}

TEST_F(ShadowResumeTest, WhatWasReplacedCanBePutBackOnce) {
  const std::string checkpoints_text =
      "SELECT md5(string_agg(c::text, '' ORDER BY 1)) FROM rebuild_projection.rebuild_checkpoints c";
  const std::string checkpoints = store.database.value(checkpoints_text);
  store.database.execute(
      "DELETE FROM counters WHERE candidate_id = '2'; INSERT INTO counters VALUES ('surplus', 1, 2)");
  const std::string before = store.database.digest("stages") + store.database.digest("counters");
  Outcome run = shadow("all", {"--keep-previous"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_published(1'000);

  // What was written since is not lost.
  store.database.execute("UPDATE stages SET stage = 'newer' WHERE candidate_id = '1'");
  run = store.run({"--projection", "all", "--undo-publish"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("1 of the rows that it wrote were changed since"));
  EXPECT_EQ(store.database.value("SELECT stage FROM stages WHERE candidate_id = '1'"), "newer");
  store.database.execute(
      "UPDATE stages SET stage = (SELECT payload->>'stage' FROM event_store WHERE event_id = last_event) WHERE "
      "candidate_id = '1'");

  run = store.run({"--projection", "all", "--undo-publish"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("counters"));
  EXPECT_EQ(store.database.digest("stages") + store.database.digest("counters"), before);
  EXPECT_EQ(store.database.value(checkpoints_text), checkpoints);
  run = store.run({"--projection", "all", "--undo-publish"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("nothing was kept for that"));
}

TEST_F(ShadowResumeTest, ALaterRebuildIsNotUndone) {
  ASSERT_EQ(shadow("stages", {"--keep-previous"}).exit_code, 0);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  const Outcome run = store.run({"--projection", "stages", "--undo-publish"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("it was rebuilt again since"));
  ASSERT_EQ(shadow("stages").exit_code, 0);
  EXPECT_THAT(store.run({"--projection", "stages", "--undo-publish"}).err, HasSubstr("nothing was kept for that"));
}

}  // namespace
}  // namespace rebuild_projection::test

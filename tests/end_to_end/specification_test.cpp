// Without this file the program could drift from its specification's test plan, whose lines these tests are.
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "stages/rebuild.h"
#include "tests/support/memory_stages.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class SpecificationTest : public testing::Test {
 protected:
  /// Numbers of the events that event_rows holds: "3 4 5".
  std::string numbers() {
    return store.database.value("SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM event_rows");
  }
  Recruiting store;
};

TEST_F(SpecificationTest, AnEmptyStoreIsNoError) {
  for (const char* mode : {"DRY_RUN", "APPLY"}) {
    const Outcome run = store.run({"--projection", "all", "--mode", mode});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["events_read"], 0) << mode;
    EXPECT_EQ(run.summary["batches"], 0) << mode;
    EXPECT_EQ(run.summary["ending"], "complete") << mode;
  }
}

TEST_F(SpecificationTest, DryRunCountsAndChangesNothing) {
  store.append(1, 450);
  const std::string before = store.everything();
  const Outcome run = store.dry_run("all", {"--batch-size", "100"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 450);
  EXPECT_EQ(run.summary["batches"], 5);
  EXPECT_EQ(run.projection("event_rows")["would_apply"], 450);
  EXPECT_EQ(run.projection("stages")["would_apply"], 360);
  EXPECT_EQ(run.projection("stages")["ignored"], 90);
  EXPECT_NE(run.out.find("DRY_RUN would apply 450 events"), std::string::npos) << run.out;
  EXPECT_EQ(store.everything(), before);
}

TEST_F(SpecificationTest, DryRunIsGivenNoTransactionId) {
  store.append(1, 30);
  // Other tests may use the server at the same time, so that its counter moves; but the program must not move it.
  for (int attempt = 0; attempt < 30; ++attempt) {
    const auto next_id = [&] { return store.database.value("SELECT pg_snapshot_xmax(pg_current_snapshot())"); };
    const std::string before = next_id();
    ASSERT_EQ(store.dry_run("all").exit_code, 0);
    if (next_id() == before) return;
  }
  if (store.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname <> current_database()"
                           " AND datname LIKE 'test\\_%'") != "0")
    GTEST_SKIP() << "other tests use the server all the time";
  FAIL() << "every DRY_RUN was given a transaction id";
}

TEST_F(SpecificationTest, ApplyCommitsOncePerBatch) {
  constexpr std::uint64_t events = 101;
  store.append(1, events);
  for (const std::uint64_t batch : {1U, 2U, 7U, 100U, 101U, 102U}) {
    const Outcome run = store.apply("all", {"--batch-size", std::to_string(batch)});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const std::string commits = std::to_string((events + batch - 1) / batch);
    // Each event makes a row, and a row knows the transaction that made it.
    EXPECT_EQ(store.database.value("SELECT count(DISTINCT xmin::text) FROM event_rows"), commits) << batch;
    EXPECT_EQ(store.checkpoint("batches, events", "event_rows"), commits + "|101");
    EXPECT_EQ(store.checkpoint("batches, events", "stages"), commits + "|101");
    EXPECT_EQ(run.summary["batches"].dump(), commits);
    for (const char* projection : {"event_rows", "stages", "counters"})
      EXPECT_EQ(store.differing(projection), "0") << projection << " " << batch;
  }
}

TEST_F(SpecificationTest, MaxEventsProcessesExactlySoMany) {
  store.append(1, 450);
  for (const char* batch : {"1", "2", "5", "200"}) {
    const Outcome run = store.apply("event_rows", {"--max-events", "5", "--batch-size", batch});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["events_read"], 5) << batch;
    EXPECT_EQ(run.summary["ending"], "incomplete") << batch;
    EXPECT_NE(run.out.find("incomplete"), std::string::npos) << run.out;
    EXPECT_EQ(numbers(), "1 2 3 4 5") << batch;
    EXPECT_EQ(store.dry_run("event_rows", {"--max-events", "5", "--batch-size", batch}).summary["events_read"], 5);
  }
  EXPECT_EQ(store.apply("event_rows", {"--max-events", "1000"}).summary["ending"], "complete");
  EXPECT_EQ(store.apply("event_rows", {"--max-events", "450"}).summary["ending"], "complete");
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(SpecificationTest, RangesBeginAndEndWhereTheySay) {
  // Three events share each second: 1 2 | 3 4 5 | 6 7 8 | 9 10 11 | 12
  store.append(1, 12);
  const struct {
    std::vector<std::string> range;
    const char* numbers;
  } cases[] = {
      {{"--from-ts", "2025-01-01T00:00:02Z"}, "6 7 8 9 10 11 12"},
      {{"--from-ts", "2025-01-01T00:00:01.999999Z"}, "6 7 8 9 10 11 12"},
      {{"--from-ts", "2025-01-01T00:00:02.000001Z"}, "9 10 11 12"},
      {{"--from-ts", "2025-01-01 02:00:02+02:00"}, "6 7 8 9 10 11 12"},
      {{"--from-ts", "2025-01-01T00:00:02Z", "--to-ts", "2025-01-01T00:00:03Z"}, "6 7 8"},
      {{"--to-ts", "2025-01-01T00:00:01Z"}, "1 2"},
      {{"--from-event-id", event_id(4)}, "5 6 7 8 9 10 11 12"},
      {{"--from-event-id", event_id(5)}, "6 7 8 9 10 11 12"},
      {{"--from-event-id", event_id(4), "--from-ts", "2025-01-01T00:00:03Z"}, "9 10 11 12"},
      {{"--from-event-id", event_id(10), "--from-ts", "2025-01-01T00:00:02Z"}, "11 12"},
      {{"--from-event-id", event_id(12)}, ""},
  };
  for (const auto& range : cases) {
    std::vector<std::string> arguments = range.range;
    arguments.insert(arguments.end(), {"--clear", "always", "--batch-size", "2"});
    const Outcome run = store.apply("event_rows", arguments);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(numbers(), range.numbers) << testing::PrintToString(range.range);
  }
}

TEST_F(SpecificationTest, AnUnknownEventIdIsRefused) {
  store.append(1, 12);
  const std::string before = store.everything();
  for (const std::string& id : {event_id(13), std::string("thirteen")}) {
    const Outcome run = store.apply("event_rows", {"--from-event-id", id});
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_NE(run.err.find(id), std::string::npos) << run.err;
    EXPECT_TRUE(run.summary.is_null());
  }
  EXPECT_EQ(store.everything(), before);
}

TEST_F(SpecificationTest, AFailingEventRollsItsBatchBack) {
  store.append(1, 30);
  // A key that is null is an error of the event in stages; event_rows could take it.
  store.database.execute("UPDATE event_store SET aggregate_id = NULL WHERE event_id = '" + event_id(17) + "'");
  const Outcome run = store.apply("event_rows,stages", {"--batch-size", "5"});
  EXPECT_EQ(run.exit_code, 2);
  for (const std::string& text : {run.err, run.out, run.summary["ending_detail"].get<std::string>()}) {
    EXPECT_NE(text.find("stages"), std::string::npos) << text;
    EXPECT_NE(text.find(event_id(17)), std::string::npos) << text;
  }
  EXPECT_EQ(numbers(), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
  EXPECT_EQ(store.differing_up_to_checkpoint("stages"), "0");
  EXPECT_EQ(store.checkpoint("last_event_id, state", "stages"), event_id(15) + "|running");
  EXPECT_EQ(run.projection("stages")["errors"], 1);
  EXPECT_EQ(run.projection("event_rows")["rolled_back"], 5);
  EXPECT_EQ(run.projection("event_rows")["applied"], 15);
}

TEST_F(SpecificationTest, SkipLeavesOutTheFailingEventAndRecordsIt) {
  store.append(1, 30);
  store.database.execute("UPDATE event_store SET aggregate_id = NULL WHERE event_id = '" + event_id(17) + "'");
  const Outcome run = store.apply("event_rows,stages", {"--batch-size", "5", "--on-error", "skip"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.summary["ending"], "complete");
  EXPECT_EQ(run.projection("stages")["skipped"], 1);
  EXPECT_EQ(run.projection("event_rows")["skipped"], 0);
  EXPECT_EQ(store.differing("event_rows"), "0");
  EXPECT_EQ(store.differing("stages", "event_id <> '" + event_id(17) + "'"), "0");
  const std::string letters =
      "SELECT projection_name, event_id, position::text, error <> '' FROM rebuild_projection.rebuild_dead_letters";
  const std::vector<std::string> letter{"stages|" + event_id(17) + "|{\"2025-01-01 00:00:05+00\"," + event_id(17) +
                                        "}|t"};
  EXPECT_EQ(store.database.rows(letters), letter);
  // A second run forgets the dead letters of the first.
  EXPECT_EQ(store.apply("event_rows,stages", {"--on-error", "skip"}).exit_code, 2);
  EXPECT_EQ(store.database.rows(letters), letter);
}

TEST_F(SpecificationTest, AllSelectsAll) {
  store.append(1, 30);
  const Outcome run = store.apply("all");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["projections"].size(), 3U);
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
}

TEST_F(SpecificationTest, TwoEventsMakeTheRowTheyDescribe) {
  store.database.append(1, 10, "stage_changed", "anna", R"({"n": 4, "stage": "screening"})");
  store.database.append(2, 20, "stage_changed", "anna", R"({"n": 6, "stage": "interview"})");
  ASSERT_EQ(store.apply("stages,counters").exit_code, 0);
  EXPECT_EQ(store.database.rows("SELECT candidate_id, stage, last_event, at AT TIME ZONE 'UTC' FROM stages"),
            (std::vector<std::string>{"anna|interview|" + event_id(2) + "|2025-01-01 00:00:20"}));
  EXPECT_EQ(store.database.rows("TABLE counters"), (std::vector<std::string>{"anna|2|10"}));
}

TEST_F(SpecificationTest, TheStoreIsNeitherWrittenNorLocked) {
  store.append(1, 450);
  const std::string before = store.database.store_digest();
  ASSERT_EQ(store.dry_run("all").exit_code, 0);
  ASSERT_EQ(store.apply("all", {"--batch-size", "50"}).exit_code, 0);
  EXPECT_EQ(store.database.store_digest(), before);  // covers xmin, xmax and ctid: not even a row lock
}

TEST_F(SpecificationTest, RightsToReadTheStoreAndToOwnTheProjectionsSuffice) {
  store.append(1, 60);
  Role reader(store.database, "reader");
  Role writer(store.database, "writer");
  store.database.execute("GRANT SELECT ON event_store TO " + reader.name() + "; ALTER TABLE event_rows OWNER TO " +
                         writer.name() + "; ALTER TABLE stages OWNER TO " + writer.name() +
                         "; ALTER TABLE counters OWNER TO " + writer.name() +
                         "; CREATE SCHEMA rebuild_projection AUTHORIZATION " + writer.name());
  for (const char* mode : {"DRY_RUN", "APPLY"}) {
    const Outcome run =
        store.run({"--projection", "all", "--mode", mode, "--dsn", writer.dsn(), "--source-dsn", reader.dsn()});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.summary["warnings"], nlohmann::json::array());
  }
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
}

/// Options of the library's entry, as the program would make them.
Options library_options(const Recruiting& store, Mode mode) {
  Options options;
  options.dsn = store.database.dsn();
  options.projections_dir = store.projections.path();
  options.store = store.results.write("store.toml", R"(from = "event_store"
order     = ["ts", "event_id"]
event_id  = "event_id"
ts        = "ts"
type      = "event_type"
stream_id = "aggregate_id"
payload   = "payload"
)");
  options.mode = mode;
  options.projections = {"per_candidate", "stages"};
  options.batch_events = 20;
  return options;
}

TEST_F(SpecificationTest, TheLibraryRunsBothModes) {
  store.append(1, 90);
  store.database.execute("CREATE TABLE per_candidate (stream text PRIMARY KEY, events bigint, last_event text)");
  ProjectorRegistry registry;
  auto projector = std::make_unique<CountingProjector>("per_candidate");
  const CountingProjector& counting = *projector;
  registry.add(std::move(projector));

  const Report dry = rebuild(library_options(store, Mode::dry_run), registry, {});
  EXPECT_EQ(dry.exit_code(), 0);
  EXPECT_EQ(dry.events_read, 90U);
  EXPECT_EQ(counting.handled, 0U);  // never called
  EXPECT_EQ(store.database.value("SELECT count(*) FROM per_candidate"), "0");

  const Report applied = rebuild(library_options(store, Mode::apply), registry, {});
  EXPECT_EQ(applied.exit_code(), 0);
  EXPECT_EQ(applied.batches, 5U);
  EXPECT_EQ(counting.handled, 90U);  // each event once
  EXPECT_EQ(store.differing("stages"), "0");
  EXPECT_EQ(store.database.value("SELECT count(*) || ' ' || sum(events) FROM per_candidate"), "7 90");

  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_THROW(rebuild(library_options(store, Mode::apply), registry, stopped.get_token()), Cancelled);
  Options wrong = library_options(store, Mode::apply);
  wrong.projections = {"nobody"};
  EXPECT_THROW(rebuild(wrong, registry, {}), UsageError);
  EXPECT_EQ(store.differing("stages"), "0");
}

TEST_F(SpecificationTest, TheLibraryRefusesTheOptionsThatTheCommandLineRefuses) {
  store.append(1, 10);
  const auto refused = [&](void (*spoil)(Options&)) {
    Options options = library_options(store, Mode::apply);
    options.projections = {"stages"};
    spoil(options);
    EXPECT_THROW(rebuild(options, {}, {}), UsageError);
    EXPECT_EQ(store.database.value("SELECT count(*) FROM stages"), "0");
  };
  refused([](Options& options) {
    options.mode = Mode::verify;
    options.max_events = 1;
  });
  refused([](Options& options) { options.live_position = "SELECT 1"; });
  refused([](Options& options) { options.batch_events = 0; });
  refused([](Options& options) { options.projections.clear(); });
}

}  // namespace
}  // namespace rebuild_projection::test

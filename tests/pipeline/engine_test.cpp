// Without these tests the engine could reorder, lose or double events, run past its tokens, or hang when a stage fails.

#include "pipeline/engine.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "pipeline/memory_shares.h"
#include "tests/support/memory_stages.h"

namespace rebuild_projection {
namespace {

using test::CountingProjector;
using test::expected_rows;
using test::MemoryParser;
using test::MemorySink;
using test::MemorySource;

/// A run on memory stages, set up by the test before go().
struct MemoryRun {
  explicit MemoryRun(std::uint64_t events) : source(events) {
    options.mode = Mode::apply;
    options.workers = 2;
  }

  Report go() {
    return run_pipeline(options, {&every, &odd}, {source, parser, options.mode == Mode::apply ? &sink : nullptr},
                        progress, stop.get_token());
  }

  /// The sink has exactly the first `events` events, in whole batches, in order.
  void expect_prefix(std::uint64_t events, const std::map<std::uint64_t, std::string>& left_out = {}) const {
    std::uint64_t next = 0;
    for (const MemorySink::Kept& batch : sink.batches) {
      ASSERT_EQ(batch.first, next);
      ASSERT_EQ(batch.last - batch.first + 1, batch.events);
      next = batch.last + 1;
    }
    ASSERT_EQ(next, events);
    if (events == 0) return;
    EXPECT_EQ(sink.tables[0], expected_rows(events, 10, "*", left_out));
    EXPECT_EQ(sink.tables[1], expected_rows(events, 10, "odd", left_out));
  }

  RunOptions options;
  MemorySource source;
  MemoryParser parser;
  CountingProjector every{"every"};
  CountingProjector odd{"odd", "odd"};
  MemorySink sink;
  Progress progress;
  std::stop_source stop;
};

/// Now and then holds a stage up for a moment, so that pages overtake each other wherever they can.
test::Hook random_delays() {
  return [](std::uint64_t) {
    thread_local std::minstd_rand random(
        static_cast<unsigned>(std::hash<std::thread::id>{}(std::this_thread::get_id())));
    if (random() % 512 == 0) std::this_thread::yield();
    for (unsigned spin = random() % 64; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
  };
}

TEST(Engine, KeepsOrderOverAMillionTinyBatchesWithRandomDelays) {
  MemoryRun run(1'000'000);
  run.options.batch_events = 1;
  run.options.workers = 4;
  run.options.tokens = 32;
  run.source.on_read = run.parser.on_parse = run.every.on_handle = run.odd.on_handle = run.sink.on_commit =
      random_delays();
  const Report report = run.go();
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_EQ(report.batches, 1'000'000U);
  EXPECT_EQ(report.events_read, 1'000'000U);
  EXPECT_EQ(run.every.handled, 1'000'000U);
  EXPECT_EQ(run.odd.handled, 500'000U);
  run.expect_prefix(1'000'000);
}

TEST(Engine, GivesTheSameRowsForEveryBatchSizeTokensAndWorkers) {
  for (const std::uint64_t batch : {1, 7, 200, 1'999, 2'000, 2'001, 9'999, 10'000, 1'000'000})
    for (const unsigned tokens : {1, 2, 16})
      for (const unsigned workers : {1, 3}) {
        SCOPED_TRACE("batch " + std::to_string(batch) + ", tokens " + std::to_string(tokens));
        MemoryRun run(10'000);
        run.options.readers = workers;
        run.source.page_events_max = 2'000 / workers;
        run.options.batch_events = batch;
        run.options.tokens = tokens;
        run.options.workers = workers;
        const Report report = run.go();
        EXPECT_EQ(report.ending, Ending::complete);
        EXPECT_EQ(run.sink.batches.size(), (10'000 + batch - 1) / batch);
        EXPECT_EQ(report.projections[1].applied, 5'000U);
        EXPECT_EQ(report.projections[1].ignored, 5'000U);
        run.expect_prefix(10'000);
      }
}

TEST(Engine, HasNeverMorePagesInFlightThanTokens) {
  for (const unsigned tokens : {1, 2, 7}) {
    MemoryRun run(20'000);
    run.options.batch_events = 10;
    run.source.page_events_max = 10;
    run.options.readers = 3;
    run.options.tokens = tokens;
    run.options.workers = 4;
    std::atomic<std::uint64_t> most = 0;
    run.source.on_read =
        [&](std::uint64_t event) {  // in the page being read, and in those before it that are not committed
          most = std::max<std::uint64_t>(most, event / 10 + 1 - run.sink.commits);
        };
    run.parser.on_parse = random_delays();
    run.go();
    EXPECT_LE(most, tokens);
    EXPECT_EQ(most, tokens) << "the tokens are not used";
    run.expect_prefix(20'000);
  }
}

TEST(Engine, ReadsOnWhatAPageLeftOver) {
  for (const unsigned tokens : {1, 2, 16}) {
    SCOPED_TRACE(tokens);
    MemoryRun run(20'000);
    run.source.page_events_max = 1'000;
    run.source.read_events_max = 300;
    run.options.batch_events = 700;
    run.options.readers = 3;
    run.options.tokens = tokens;
    run.parser.on_parse = random_delays();
    const Report report = run.go();
    EXPECT_EQ(report.ending, Ending::complete);
    EXPECT_EQ(report.batches, 29U);
    run.expect_prefix(20'000);
  }
}

TEST(Engine, PausesTheSourceWhenEveryTokenIsOut) {
  MemoryRun run(1'000);
  run.source.page_events_max = 200;
  run.options.tokens = 1;
  run.go();
  EXPECT_EQ(run.source.pauses, 5U);  // five pages of 200, each the only one in flight
}

TEST(Engine, EmptyStore) {
  MemoryRun run(0);
  const Report report = run.go();
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_EQ(report.exit_code(), 0);
  EXPECT_EQ(report.events_read, 0U);
  EXPECT_EQ(report.batches, 0U);
  EXPECT_FALSE(report.first_position);
}

TEST(Engine, DryRunCallsNoProjectorAndCounts) {
  MemoryRun run(10'001);
  run.options.mode = Mode::dry_run;
  const Report report = run.go();
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_EQ(report.events_read, 10'001U);
  EXPECT_EQ(report.batches, 51U);
  EXPECT_EQ(report.projections[0].applied, 10'001U);
  EXPECT_EQ(report.projections[1].applied, 5'000U);
  EXPECT_EQ(report.projections[1].ignored, 5'001U);
  EXPECT_EQ(report.events_by_type.at("even"), 5'001U);
  EXPECT_EQ(run.every.handled + run.odd.handled, 0U);
  EXPECT_EQ(*report.first_position, Position{"0"});
  EXPECT_EQ(*report.last_position, Position{"10000"});
}

TEST(Engine, MaxEventsStopsAfterExactlySoMany) {
  for (const std::uint64_t batch : {1, 2, 4, 5, 6, 200})
    for (const Mode mode : {Mode::apply, Mode::dry_run}) {
      SCOPED_TRACE(batch);
      MemoryRun run(100);
      run.options.mode = mode;
      run.options.batch_events = batch;
      run.options.max_events = 5;
      const Report report = run.go();
      EXPECT_EQ(report.ending, Ending::incomplete);
      EXPECT_EQ(report.events_read, 5U);
      EXPECT_EQ(report.exit_code(), 0);
      if (mode == Mode::apply) run.expect_prefix(5);
    }
}

/// A failure at event 1,234 with batches of 100: the batches 0 to 11 stand.
void expect_failure_at_1234(MemoryRun& run, const std::string& cause, bool blames_event) {
  const Report report = run.go();
  EXPECT_EQ(report.ending, Ending::failed);
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_NE(report.ending_detail.find(cause), std::string::npos) << report.ending_detail;
  run.expect_prefix(1'200);
  for (const Report::Projection& projection : report.projections)
    EXPECT_EQ(report.events_read, projection.applied + projection.ignored + projection.skipped + projection.errors +
                                      projection.rolled_back);
  EXPECT_EQ(report.projections[0].errors, blames_event ? 1U : 0U);
  if (blames_event) {
    EXPECT_NE(report.ending_detail.find("projection every, event 1234"), std::string::npos) << report.ending_detail;
  }
}

test::Hook throws_at_1234(const char* what) {
  return [what](std::uint64_t event) {
    if (event == 1'234) throw std::runtime_error(what);
  };
}

TEST(Engine, AFailureInReadEndsTheRun) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.source.page_events_max = 100;
  run.source.on_read = throws_at_1234("the connection was lost");
  expect_failure_at_1234(run, "the connection was lost", false);
}

TEST(Engine, AFailureInParseEndsTheRun) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.source.page_events_max = 300;
  run.parser.on_parse = throws_at_1234("a bug");
  expect_failure_at_1234(run, "a bug", false);
}

TEST(Engine, AnUnreadablePayloadEndsTheRunAndIsNamed) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.parser.unreadable = {{1'234, "not JSON"}};
  expect_failure_at_1234(run, "not JSON", true);
}

TEST(Engine, AFailureInApplyEndsTheRunAndNamesProjectionAndEvent) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.every.on_handle = throws_at_1234("no such stage");
  expect_failure_at_1234(run, "no such stage", true);
}

TEST(Engine, AFailureInApplyRollsAStreamedBatchBackAsAWhole) {
  MemoryRun run(30'000);
  run.options.batch_events = 10'000;
  run.source.page_events_max = 2'000;
  run.every.on_handle = [](std::uint64_t event) {
    if (event == 17'777) throw EventError("no such stage");
  };
  const Report report = run.go();
  EXPECT_EQ(report.ending, Ending::failed);
  run.expect_prefix(10'000);
  EXPECT_EQ(report.projections[0].applied, 10'000U);
  EXPECT_EQ(report.projections[0].errors, 1U);
  EXPECT_EQ(report.projections[0].rolled_back, report.events_read - 10'001);
}

TEST(Engine, OutOfMemoryInApplyEndsTheRunEvenWhenErrorsAreSkipped) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.options.on_error = OnError::skip;
  run.every.on_handle = [](std::uint64_t event) {
    if (event == 1'234) throw std::bad_alloc();
  };
  expect_failure_at_1234(run, "out of memory", true);
}

TEST(Engine, AFailureInCommitEndsTheRun) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.sink.on_commit = [](std::uint64_t first) {
    if (first == 1'200) throw RunError("disk full");
  };
  expect_failure_at_1234(run, "disk full", false);
}

TEST(Engine, ARefusedEventIsNamed) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.sink.on_commit = [](std::uint64_t first) {
    if (first == 1'200) throw RefusedEvent("every", {"1234", {"1234"}, "out of range"});
  };
  expect_failure_at_1234(run, "out of range", true);
}

TEST(Engine, SkipsAFailingEventAsAWholeAndRecordsIt) {
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.options.on_error = OnError::skip;
  const std::map<std::uint64_t, std::string> bad{{0, "first"}, {1'234, "middle"}, {4'999, "last"}};
  run.every.on_handle = run.odd.on_handle = [&](std::uint64_t event) {
    if (const auto found = bad.find(event); found != bad.end()) throw EventError(found->second);
  };
  const Report report = run.go();
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_EQ(report.projections[0].skipped, 3U);
  EXPECT_EQ(report.projections[0].applied, 4'997U);
  EXPECT_EQ(report.projections[1].skipped, 1U);
  ASSERT_EQ(run.sink.dead_letters[0].size(), 3U);
  EXPECT_EQ(run.sink.dead_letters[0][1].event_id, "1234");
  EXPECT_EQ(run.sink.dead_letters[0][1].error, "middle");
  run.expect_prefix(5'000, bad);
}

TEST(Engine, AStopInEveryStageLeavesWholeBatches) {
  for (const char* stage : {"read", "parse", "apply", "commit"}) {
    SCOPED_TRACE(stage);
    MemoryRun run(100'000);
    run.options.batch_events = 100;
    run.source.page_events_max = 1'000;
    const test::Hook stop_at_50000 = [&](std::uint64_t event) {
      if (event == 50'000) run.stop.request_stop();
    };
    if (stage == std::string("read")) run.source.on_read = stop_at_50000;
    if (stage == std::string("parse")) run.parser.on_parse = stop_at_50000;
    if (stage == std::string("apply")) run.every.on_handle = stop_at_50000;
    if (stage == std::string("commit")) run.sink.on_commit = stop_at_50000;
    const Report report = run.go();
    EXPECT_EQ(report.ending, Ending::cancelled);
    EXPECT_EQ(report.exit_code(), 3);
    EXPECT_LT(report.events_read, 100'000U);
    run.expect_prefix(report.events_read);
    // The batch that is being committed when the stop comes is finished, and nothing after it.
    if (stage == std::string("commit")) {
      EXPECT_EQ(report.events_read, 50'100U);
    }
  }
}

TEST(Engine, ABatchThatOutgrowsMemoryGoesThroughTemporaryFiles) {
  for (const unsigned tokens : {1U, 8U}) {
    MemoryRun run(10'000);
    run.options.batch_events = 4'000;
    run.source.page_events_max = 1'000;
    run.options.tokens = tokens;
    run.options.memory_bytes_max = 1;
    const Report report = run.go();
    EXPECT_EQ(report.batches, 3U);
    EXPECT_EQ(report.batches_closed_early, 0U);
    EXPECT_GT(report.spilled_bytes, 0U);
    run.expect_prefix(10'000);
  }
}

TEST(Engine, WithoutRoomForTemporaryFilesTheMemoryBoundClosesABatchEarly) {
  MemoryRun run(10'000);
  run.options.spill_directory = "/nowhere";
  run.options.batch_events = 10'000;
  run.source.page_events_max = 2'000;
  run.options.tokens = 1;            // so that no page is cut before its predecessor was applied
  run.options.memory_bytes_max = 1;  // every page is too much
  const Report report = run.go();
  EXPECT_EQ(report.batches, 5U);
  EXPECT_EQ(report.batches_closed_early, 4U);
  EXPECT_EQ(report.spilled_bytes, 0U);
  run.expect_prefix(10'000);
}

/// A sink that walks over the events of some rows of each batch once more, as one does when the database refused these.
class WalkingSink : public MemorySink {
 public:
  Committed commit(const Batch& batch) override {
    const auto first = std::stoull(batch.first_position.front());
    std::vector<std::uint64_t> wanted, visited;
    std::uint64_t wanted_of_second = 0, of_second = 0;
    // Streams 3 and 4 of the first projector, and stream 3 of the second.
    for (std::uint64_t event = first; event < first + batch.events; ++event) {
      if (event % 10 == 3 || event % 10 == 4) wanted.push_back(event);
      if (event % 10 == 3) ++wanted_of_second;
    }
    batch.for_changes(
        {[](std::string_view key) { return key == "3" || key == "4"; },
         [](std::string_view key) { return key == "3"; }},
        [&](std::size_t projection, std::uint64_t number, const StoredEvent& event, const ChangeSet& changes) {
          EXPECT_EQ(changes.size(), 1U);
          EXPECT_EQ(event.event_id.text(), std::to_string(first + number));
          if (projection == 0)
            visited.push_back(first + number);
          else
            ++of_second;
          return visited.size() < visits_max;
        });
    wanted.resize(std::min(wanted.size(), visits_max));
    EXPECT_EQ(visited, wanted);
    if (visits_max == SIZE_MAX) {
      EXPECT_EQ(of_second, wanted_of_second);
    }
    return MemorySink::commit(batch);
  }
  std::size_t visits_max = SIZE_MAX;
};

/// A run of one batch whose pages do not stay in memory.
struct LargeRun : MemoryRun {
  static constexpr std::uint64_t events = 34'000;  // 17 pages
  LargeRun() : MemoryRun(events) {
    source.page_events_max = 2'000;
    options.memory_bytes_max = std::uint64_t{64} << 20;
    options.batch_events = events;
    source.page_bytes_claimed = MemoryShares(options.memory_bytes_max).kept_pages / 16;
  }
  Report go() { return run_pipeline(options, {&every, &odd}, {source, parser, &sink}, progress, stop.get_token()); }
  WalkingSink sink;
};

TEST(Engine, FoldsTheEventsOfARowAgainFromMemory) {
  for (const std::uint64_t batch : {1, 7, 2'500, 10'000}) {
    MemoryRun run(10'000);
    WalkingSink sink;
    run.options.batch_events = batch;
    run_pipeline(run.options, {&run.every, &run.odd}, {run.source, run.parser, &sink}, run.progress, {});
    EXPECT_EQ(sink.batches.size(), (10'000 + batch - 1) / batch);
    EXPECT_EQ(run.source.read_again, 0U);
  }
}

TEST(Engine, FoldsTheEventsOfARowAgainFromTheStoreWhenTheBatchOutgrewMemory) {
  for (const unsigned concurrent : {1U, 3U}) {
    LargeRun run;
    run.options.readers = run.options.workers = concurrent;
    run.source.read_events_max = 1'500;  // and every page leaves a rest
    run.parser.on_parse = random_delays();
    EXPECT_EQ(run.go().ending, Ending::complete);
    EXPECT_EQ(run.sink.batches.size(), 1U);
    EXPECT_EQ(run.source.read_again, 1U);
  }
}

TEST(Engine, AWalkOverTheEventsEndsWhereItIsTold) {
  LargeRun run;
  run.sink.visits_max = 7;
  std::atomic<std::uint64_t> read = 0;
  run.source.on_read = [&](std::uint64_t) { ++read; };
  EXPECT_EQ(run.go().ending, Ending::complete);
  EXPECT_LT(read, 2 * LargeRun::events);
}

TEST(Engine, AFailureWhenEventsAreReadAgainEndsTheRun) {
  for (const bool stopped : {false, true}) {
    LargeRun run;
    run.options.batch_events = LargeRun::events / 2;
    run.source.page_bytes_claimed *= 2;
    std::atomic<std::uint64_t> seen = 0;
    run.source.on_read = [&](std::uint64_t event) {
      if (event != 20'000 || ++seen < 2) return;
      if (stopped) throw Cancelled("stopped");
      throw RunError("the connection was lost");
    };
    const Report report = run.go();
    EXPECT_EQ(report.ending, stopped ? Ending::cancelled : Ending::failed);
    EXPECT_NE(report.ending_detail.find(stopped ? "stopped" : "the connection was lost"), std::string::npos);
    EXPECT_EQ(report.batches, 1U);
    EXPECT_EQ(run.sink.batches.size(), 1U);
  }
}

TEST(Engine, ACancelledThatAProjectorThrowsIsItsEventsFailure) {
  const auto throws = [](std::uint64_t event) {
    if (event == 1'234) throw Cancelled("no signal came");
  };
  {
    MemoryRun run(5'000);
    run.options.batch_events = 100;
    run.every.on_handle = throws;
    expect_failure_at_1234(run, "no signal came", true);
  }
  MemoryRun run(5'000);
  run.options.batch_events = 100;
  run.options.on_error = OnError::skip;
  run.every.on_handle = run.odd.on_handle = throws;
  EXPECT_EQ(run.go().ending, Ending::complete);
  run.expect_prefix(5'000, {{1'234, ""}});
}

}  // namespace
}  // namespace rebuild_projection

// Without this file a rebuild of many rows could take all the memory of its machine, and every other test would pass.
#include <gtest/gtest.h>

#include <climits>
#include <string>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long peak_kib_max = LONG_MAX;  // a sanitizer's own memory is not ours
#else
constexpr long peak_kib_max = (16 + 64) * 1'024;
#endif

/// 100,000 events with notes of 1 KiB for 60,000 rows, whose changes take 70 MB together.
class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    store.database.execute("CREATE TABLE notes (id text PRIMARY KEY, note text, events bigint NOT NULL DEFAULT 0)");
    store.projections.write("notes.toml", R"(
name  = "notes"
table = "notes"
key   = ["id"]
[[on]]
event = "*"
key   = { id = "@stream_id" }
set   = { note = "/note" }
add   = { events = 1 }
)");
    store.database.execute(
        "INSERT INTO event_store SELECT lpad(to_hex(n), 32, '0')::uuid, timestamptz '2025-01-01Z' + n * interval '1 s',"
        " 'noted', md5((n % 60000)::text), jsonb_build_object('note', repeat(md5(n::text), 32))"
        " FROM generate_series(1, 100000) AS n");
  }

  Outcome rebuild(const std::string& temporary) {
    Program program(store.with_places({"--projection", "notes", "--mode", "APPLY", "--batch-size", "1000000",
                                       "--max-memory", "16", "--truncate"}),
                    {{"TMPDIR", temporary}});
    Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_LE(run.peak_memory_kib, peak_kib_max);
    EXPECT_EQ(
        store.database.value("SELECT count(*) FROM (SELECT id, note, events FROM notes EXCEPT SELECT aggregate_id,"
                             " (array_agg(payload->>'note' ORDER BY ts DESC))[1], count(*) FROM event_store"
                             " GROUP BY aggregate_id) AS other"),
        "0");
    EXPECT_EQ(store.database.value("SELECT count(*) FROM notes"), "60000");
    return run;
  }

  Recruiting store;
};

TEST_F(MemoryTest, ABatchLargerThanMemoryIsStillOneTransaction) {
  const Outcome run = rebuild(store.results.path());
  EXPECT_EQ(run.summary["batches"], 1);
  EXPECT_EQ(run.summary["batches_closed_early"], 0);
  EXPECT_GT(run.summary["spilled_bytes"], 60'000 * 1'024);
  EXPECT_EQ(run.projection("notes")["rows_written"], 60'000);
  EXPECT_NE(run.out.find(" of changes in temporary files"), std::string::npos) << run.out;
}

TEST_F(MemoryTest, WithoutRoomForTemporaryFilesItIsClosedEarly) {
  const Outcome run = rebuild("/nowhere");
  EXPECT_GT(run.summary["batches"], 1);
  EXPECT_EQ(run.summary["batches_closed_early"].get<int>(), run.summary["batches"].get<int>() - 1);
  EXPECT_EQ(run.summary["spilled_bytes"], 0);
  EXPECT_NE(run.err.find("/nowhere"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace rebuild_projection::test

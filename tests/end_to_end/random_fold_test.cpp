// Without this file a fold, a composition or a MERGE that goes wrong for some mixture of operations, batches and keys
// would be found by users: here random projections over random events must give what one SQL statement per event gives.
#include <gtest/gtest.h>

#include "tests/end_to_end/random_projection.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

constexpr std::size_t events = 300;

class RandomFold : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomFold, GivesTheRowsOfOneStatementPerEvent) {
  const RandomProjection projection = random_projection(GetParam());
  SCOPED_TRACE(projection.toml);
  Database database;
  database.create_event_store();
  database.execute(random_events(GetParam() * 1000, events));
  database.execute("CREATE TABLE target (" + projection.columns + "); CREATE TABLE oracle (" + projection.columns +
                   "); CREATE TABLE refused (event_id uuid)");
  database.execute(projection.oracle);
  const std::string store = database.store_digest();
  const auto refused = database.rows("SELECT event_id FROM refused ORDER BY event_id");

  InProcess run(database);
  run.write_projection("random", projection.toml);
  run.options.on_error = OnError::skip;
  for (const auto& [batch_events, tokens] : std::vector<std::pair<std::uint64_t, unsigned>>{
           {1, 8}, {3, 1}, {3, 8}, {50, 1}, {50, 8}, {1000, 1}, {1000, 8}}) {
    SCOPED_TRACE("batches of " + std::to_string(batch_events) + ", tokens " + std::to_string(tokens));
    run.options.batch_events = batch_events;
    run.options.tokens = tokens;
    run.options.workers = tokens == 1 ? 1 : 4;
    const Report report = run.apply();
    ASSERT_EQ(report.exit_code(), refused.empty() ? 0 : 2) << report.ending_detail;
    EXPECT_EQ(database.rows("SELECT 'only after the rebuild', (t.*)::text FROM target t EXCEPT ALL"
                            " SELECT 'only after the rebuild', (o.*)::text FROM oracle o"),
              std::vector<std::string>{});
    EXPECT_EQ(database.rows(
                  "SELECT 'missing', (o.*)::text FROM oracle o EXCEPT ALL SELECT 'missing', (t.*)::text FROM target t"),
              std::vector<std::string>{});
    EXPECT_EQ(run.dead_letters("random"), refused);
    const Report::Projection& counted = report.projections.at(0);
    EXPECT_EQ(counted.applied + counted.ignored + counted.skipped, events);
    EXPECT_EQ(counted.skipped, refused.size());
    if (HasFailure()) break;
  }
  EXPECT_EQ(database.store_digest(), store);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFold, testing::Range<std::uint64_t>(1, 13));

}  // namespace
}  // namespace rebuild_projection::test

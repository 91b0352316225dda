// The algebra of changes, one thread: one change set after another becomes one ("first a, then b"), row by row.

#include <benchmark/benchmark.h>

#include "bench/candidates.h"
#include "pipeline/changes.h"

namespace rebuild_projection {
namespace {

ChangeSet changes_of(const Projector& projector, std::uint64_t rows, std::int64_t seconds) {
  ChangeSet set(projector.table());
  Changes changes(projector.table());
  for (std::uint64_t row = 0; row < rows; ++row) {
    changes.upsert({bench::uuid_of(row)})
        .set("stage", "interview")
        .add("stage_changes", 1)
        .set("last_activity_at", "2025-01-01 06:33:" + std::to_string(10 + seconds) + "+00");
    changes.move_into(set);
  }
  return set;
}

void compose(benchmark::State& state) {
  const auto rows = static_cast<std::uint64_t>(state.range(0));
  const auto projector = bench::candidate_summary();
  for (auto _ : state) {
    state.PauseTiming();
    ChangeSet first = changes_of(*projector, rows, 0);
    ChangeSet then = changes_of(*projector, rows, 1);
    state.ResumeTiming();
    first.append(std::move(then));
    benchmark::DoNotOptimize(first.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(compose)->ArgName("rows")->Arg(200)->Arg(100'000);

}  // namespace
}  // namespace rebuild_projection

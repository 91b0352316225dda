// The engine alone: pages of memory stages through the graph, tokens by batch size.

#include <benchmark/benchmark.h>

#include "pipeline/engine.h"
#include "tests/support/memory_stages.h"

namespace rebuild_projection {
namespace {

/// Takes batches and keeps nothing.
class NullSink : public BatchSink {
 public:
  Committed commit(const Batch& batch) override {
    Committed committed;
    committed.projections.resize(batch.projections.size());
    return committed;
  }
};

void engine(benchmark::State& state) {
  constexpr std::uint64_t events = 200'000;
  RunOptions options;
  options.mode = Mode::apply;
  options.batch_events = static_cast<std::uint64_t>(state.range(0));
  options.tokens = static_cast<unsigned>(state.range(1));
  const test::CountingProjector projector("counts");
  const test::MemoryParser parser;
  for (auto _ : state) {
    test::MemorySource source(events);
    NullSink sink;
    Progress progress;
    benchmark::DoNotOptimize(run_pipeline(options, {&projector}, {source, parser, &sink}, progress, {}));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(events) * state.iterations());
}
BENCHMARK(engine)
    ->ArgNames({"batch", "tokens"})
    ->ArgsProduct({{1, 200, 10'000}, {1, 4, 16}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace rebuild_projection

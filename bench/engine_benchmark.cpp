// The engine alone, tokens by batch size: pages that are ready go through the graph to a sink that takes them and keeps
// nothing.

#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <utility>

#include "pipeline/engine.h"
#include "tests/support/memory_stages.h"

namespace rebuild_projection {
namespace {

constexpr std::uint64_t run_events = 400'000;

/// Gives the pages away that it was made with; to be used once.
class ReadyPages : public PageSource {
 public:
  ReadyPages() {
    test::MemorySource source(run_events);
    while (auto page = source.next(page_events)) pages_.push_back(page->read());
  }

  std::optional<UnreadPage> next(std::size_t) override {
    if (pages_.empty()) return std::nullopt;
    auto page = std::make_shared<Page>(std::move(pages_.front()));
    pages_.pop_front();
    return UnreadPage{page->events.size(), [page] { return std::move(*page); }};
  }
  std::unique_ptr<PageSource> again(const std::optional<Position>&, const Position&) override { return nullptr; }

 private:
  static constexpr std::size_t page_events = 4'000;
  std::deque<Page> pages_;
};

/// There is nothing in the payloads.
class NoPayloads : public PayloadParser {
 public:
  [[nodiscard]] ParsedPage parse(const Page& page) const override {
    ParsedPage parsed;
    parsed.row.assign(page.events.size(), 0);
    return parsed;
  }
  [[nodiscard]] std::size_t values_per_event() const override { return 0; }
  [[nodiscard]] std::size_t elements_per_event() const override { return 0; }
  [[nodiscard]] std::size_t values_offset(std::size_t) const override { return 0; }
  [[nodiscard]] std::size_t elements_offset(std::size_t) const override { return 0; }
};

/// Takes batches and keeps nothing.
class NullSink : public BatchSink {
 public:
  Committed commit(const Batch& batch) override {
    Committed committed;
    committed.projections.resize(batch.projections.size());
    return committed;
  }
};

/// A row per stream: how many events it has, and the last of them.
class Counts : public Projector {
 public:
  /// Of every event, or of a type that there is none of.
  explicit Counts(const std::string& type)
      : Projector({.name = "counts",
                   .table = "counts",
                   .key = {"stream"},
                   .columns = {{"events", Operation::add}, {"last_event", Operation::set}},
                   .events = {type}},
                  {.name = "counts",
                   .key = {{"stream", ColumnType::text}},
                   .columns = {{"events", ColumnType::integer, 0, Operation::add},
                               {"last_event", ColumnType::text, std::nullopt, Operation::set}}}) {}
  void handle(const Event& event, Changes& changes) const override {
    changes.upsert({event.stream_id()}).add("events", 1).set("last_event", event.event_id());
  }
};

void run(benchmark::State& state, const Projector& projector) {
  RunOptions options;
  options.mode = Mode::apply;
  options.batch_events = static_cast<std::uint64_t>(state.range(0));
  options.tokens = static_cast<unsigned>(state.range(1));
  const NoPayloads parser;
  for (auto _ : state) {
    state.PauseTiming();
    ReadyPages source;
    NullSink sink;
    Progress progress;
    state.ResumeTiming();
    benchmark::DoNotOptimize(run_pipeline(options, {&projector}, {source, parser, &sink}, progress, {}));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(run_events) * state.iterations());
  state.counters["seconds_per_batch"] =
      benchmark::Counter(static_cast<double>(run_events) / static_cast<double>(options.batch_events),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// With a projector that changes a row for every event.
void engine(benchmark::State& state) {
  run(state, Counts("*"));
}

/// With a projector that ignores them all: what a batch costs on its way.
void engine_way(benchmark::State& state) {
  run(state, Counts("never"));
}

void sweep(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"batch", "tokens"})
      ->ArgsProduct({{1, 200, 10'000}, {1, 4, 16}})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
BENCHMARK(engine)->Apply(sweep);
BENCHMARK(engine_way)->Apply(sweep);

}  // namespace
}  // namespace rebuild_projection

// Apply, one thread, from a parsed event to the change set, by the number of rows that the set has: one that fits the
// caches, and one that does not; and the same fold written by hand.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

#include "bench/candidates.h"
#include "pipeline/fold.h"
#include "stages/parse/json_parser.h"

namespace rebuild_projection {
namespace {

constexpr std::size_t page_events = 2'000;

/// Parsed pages and the set that they were folded into once.
class Summary {
 public:
  explicit Summary(std::uint64_t rows)
      : pages_(bench::candidate_pages(rows, std::max<std::uint64_t>(2 * rows, 400'000) / page_events * page_events,
                                      page_events)) {
    projector_ = bench::candidate_summary();
    parser_ = make_json_parser({projector_.get()}, PayloadFormat::jsonb);
    for (const Page& one : pages_) parsed_.push_back(parser_->parse(one));
    set = std::make_unique<ChangeSet>(projector_->table());
    for (std::size_t number = 0; number < pages_.size(); ++number) {
      fold_page(number);
      fold_by_hand(number);
    }
    next_ = pages_.size() / 2 + 1;
  }

  void fold_page(std::size_t number) {
    const Page& page = pages_[number];
    fold({projector_.get(), 0}, *parser_, page, parsed_[number], 0, page.events.size(), OnError::stop, false, *set);
  }
  /// What a program for this table alone would do, with the standard library's map and no promise: no change that can
  /// be taken back, no bound on memory, no check of a value.
  void fold_by_hand(std::size_t number) {
    const Page& page = pages_[number];
    const auto value = [&, this](std::size_t event, std::string_view path) {
      const auto& paths = projector_->extraction().paths;
      const auto at = static_cast<std::size_t>(std::ranges::find(paths, path) - paths.begin());
      return parsed_[number].values[parsed_[number].row[event] * paths.size() + at].text;
    };
    for (std::size_t event = 0; event < page.events.size(); ++event) {
      const StoredEvent& stored = page.events[event];
      HandRow& row = by_hand_[stored.stream_id.text()];
      row.last_activity_at = stored.ts.text();
      if (stored.type == "candidate.created") {
        if (row.created_at.empty()) row.created_at = stored.ts.text();
        row.full_name = value(event, "/full_name");
        row.email = value(event, "/email");
        row.source = value(event, "/source");
      } else if (stored.type == "candidate.stage_changed") {
        row.stage = value(event, "/stage");
        ++row.stage_changes;
      } else if (stored.type == "candidate.scored") {
        row.score = value(event, "/score");
      } else if (stored.type == "candidate.note_added") {
        ++row.notes;
      } else if (stored.type == "candidate.contacted") {
        ++row.contacts;
      }
    }
  }

  /// The next page in turn that creates no row, read once, as parse has just done.
  std::size_t next() {
    if (++next_ == pages_.size()) next_ = pages_.size() / 2 + 1;
    const Page& page = pages_[next_];
    std::size_t sum = 0;
    for (const StoredEvent& event : page.events)
      for (const std::string_view text : {event.event_id.bytes(), event.stream_id.bytes(), event.payload})
        sum += text.empty() ? 0 : static_cast<unsigned char>(text.front());
    for (const Json& value : parsed_[next_].values) sum += value.text.size();
    benchmark::DoNotOptimize(sum);
    return next_;
  }

  std::unique_ptr<ChangeSet> set;

 private:
  struct HandRow {
    std::string full_name, email, source, stage, score, created_at, last_activity_at;
    std::int64_t notes = 0, contacts = 0, stage_changes = 0;
  };

  std::vector<Page> pages_;
  std::vector<ParsedPage> parsed_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<PayloadParser> parser_;
  std::unordered_map<std::string, HandRow> by_hand_;
  std::size_t next_ = 0;
};

Summary& run(benchmark::State& state, void (Summary::*fold)(std::size_t)) {
  static std::map<std::int64_t, Summary> summaries;  // made once for all repetitions
  const auto rows = static_cast<std::uint64_t>(state.range(0));
  Summary& one = summaries.try_emplace(state.range(0), rows).first->second;
  for (auto _ : state) {
    state.PauseTiming();
    const std::size_t page = one.next();
    state.ResumeTiming();
    (one.*fold)(page);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(page_events));
  return one;
}

void apply(benchmark::State& state) {
  const Summary& one = run(state, &Summary::fold_page);
  state.counters["bytes_per_row"] = static_cast<double>(one.set->bytes()) / static_cast<double>(one.set->size());
}
BENCHMARK(apply)->Arg(1'000)->Arg(166'667);

void apply_by_hand(benchmark::State& state) {
  run(state, &Summary::fold_by_hand);
}
BENCHMARK(apply_by_hand)->Arg(1'000)->Arg(166'667);

}  // namespace
}  // namespace rebuild_projection

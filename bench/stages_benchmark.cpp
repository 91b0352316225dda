// Parse and apply, one thread, on recruiting events as the demo's: payloads of some 250 bytes. Apply is measured from a
// parsed event to the change set, by the number of rows that the set has: one that fits the caches, and one that does
// not.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "pipeline/changes.h"
#include "pipeline/fold.h"
#include "pipeline/hash.h"
#include "stages/apply/projection_file.h"
#include "stages/parse/json_parser.h"
#include "tests/support/catalogue.h"
#include "tests/support/pages.h"

namespace rebuild_projection {
namespace {

constexpr std::size_t page_events = 2'000;
constexpr std::size_t candidates = 1'000;

constexpr std::string_view projection = R"(
name = "candidates"
table = "candidates"
key = ["candidate_id"]
[[on]]
event = "created"
key = { candidate_id = "@stream_id" }
set = { full_name = "/full_name", email = "/email", source = "/source" }
[[on]]
event = "stage_changed"
key = { candidate_id = "@stream_id" }
set = { stage = "/stage" }
add = { stage_changes = 1 }
)";

CatalogueTable table() {
  using namespace test;
  return keyed_table("candidates", {text_column("candidate_id"), text_column("full_name"), text_column("email"),
                                    text_column("source"), text_column("stage"), bigint_column("stage_changes")});
}

std::unique_ptr<Projector> bound_projector(std::string_view toml, const CatalogueTable& to) {
  std::vector<std::string> mistakes;
  const auto files = read_projection_text("bench.toml", toml, mistakes);
  auto bound = files.empty() ? nullptr : files.front().bind(to, mistakes);
  if (!bound) throw std::logic_error(mistakes.empty() ? "no projection" : mistakes.front());
  return bound;
}

Page page() {
  std::vector<test::PageEvent> events;
  for (std::size_t index = 0; index < page_events; ++index) {
    test::PageEvent event;
    event.event_id = std::to_string(index);
    event.stream_id = "candidate-" + std::to_string(index * 7919 % candidates);
    event.type = index % 4 == 0 ? "created" : "stage_changed";
    event.payload = R"({"by": {"name": "Recruiter 17", "user_id": "70efdf2e-c9b0-8607-9795-c442636b55fb"}, "note": ")" +
                    std::string(60, 'n') +
                    R"(", "email": "c@example.org", "score": 12.5, "stage": "interview", "source": )" +
                    R"("referral", "channel": "phone", "full_name": "Candidate 4711", "candidate_id": "4711"})";
    events.push_back(std::move(event));
  }
  return test::make_page(events);
}

void parse(benchmark::State& state) {
  const auto bound = bound_projector(projection, table());
  const auto parser = make_json_parser({bound.get()}, PayloadFormat::jsonb);
  const Page events = page();
  std::int64_t bytes = 0;
  for (const StoredEvent& event : events.events) bytes += static_cast<std::int64_t>(event.payload.size());
  for (auto _ : state) benchmark::DoNotOptimize(parser->parse(events));
  state.SetBytesProcessed(bytes * state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(page_events) * state.iterations());
}
BENCHMARK(parse);

// ---- apply: the events and the projection of a summary of candidates, ten columns besides a uuid as the key

constexpr std::string_view summary = R"(
name = "candidate_summary"
table = "candidate_summary"
key = ["candidate_id"]
[[on]]
event = "candidate.created"
key = { candidate_id = "@stream_id" }
init = { created_at = "@ts" }
set = { full_name = "/full_name", email = "/email", source = "/source", last_activity_at = "@ts" }
[[on]]
event = "candidate.stage_changed"
key = { candidate_id = "@stream_id" }
set = { stage = "/stage", last_activity_at = "@ts" }
add = { stage_changes = 1 }
[[on]]
event = "candidate.scored"
key = { candidate_id = "@stream_id" }
set = { score = "/score", last_activity_at = "@ts" }
[[on]]
event = "candidate.note_added"
key = { candidate_id = "@stream_id" }
set = { last_activity_at = "@ts" }
add = { notes = 1 }
[[on]]
event = "candidate.contacted"
key = { candidate_id = "@stream_id" }
set = { last_activity_at = "@ts" }
add = { contacts = 1 }
[[on]]
event = "candidate.updated"
key = { candidate_id = "@stream_id" }
set = { last_activity_at = "@ts" }
)";

CatalogueTable summary_table() {
  using namespace test;
  return keyed_table(
      "candidate_summary",
      {uuid_column("candidate_id"), text_column("full_name"), text_column("email"), text_column("source"),
       text_column("stage"), numeric_column("score"), bigint_column("notes"), bigint_column("contacts"),
       bigint_column("stage_changes"), timestamptz_column("created_at"), timestamptz_column("last_activity_at")});
}

std::string uuid_of(std::uint64_t candidate) {
  const std::uint64_t high = hash_of(std::to_string(candidate)), low = hash_of(std::to_string(~candidate));
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFFF),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFF));
  return text.data();
}

/// Events of candidates, each created by one of the first events of all, the others in no order.
std::vector<Page> summary_pages(std::uint64_t all_candidates, std::uint64_t events) {
  constexpr std::array<std::string_view, 5> types{"candidate.stage_changed", "candidate.scored", "candidate.note_added",
                                                  "candidate.contacted", "candidate.updated"};
  constexpr std::array<std::string_view, 6> stages{"sourced", "screening", "interview", "offer", "hired", "rejected"};
  std::mt19937_64 random(1);
  std::vector<Page> pages;
  std::vector<test::PageEvent> of_page;
  for (std::uint64_t index = 0; index < events; ++index) {
    const bool created = index < all_candidates;
    const std::uint64_t candidate = created ? index : random() % all_candidates;
    test::PageEvent event;
    event.event_id = std::to_string(index);
    event.stream_id = uuid_of(candidate);
    event.type = created ? "candidate.created" : types[random() % types.size()];
    event.ts = "2025-01-01 06:33:" + std::to_string(10 + index % 50) + "." + std::to_string(100 + index % 900) + "+00";
    event.payload = created ? R"({"email": "candidate)" + std::to_string(candidate) + R"(@example.org", "source": )" +
                                  R"("referral", "full_name": "Candidate )" + std::to_string(candidate) + "\"}"
                            : R"({"note": "lorem ipsum", "score": 55.9000000000000000, "stage": ")" +
                                  std::string(stages[random() % stages.size()]) + R"(", "channel": "phone"})";
    of_page.push_back(std::move(event));
    if (of_page.size() == page_events || index + 1 == events) {
      pages.push_back(test::make_page(of_page));
      of_page.clear();
    }
  }
  return pages;
}

/// Parsed pages and the set that they were folded into once.
class Summary {
 public:
  explicit Summary(std::uint64_t rows)
      : pages_(summary_pages(rows, std::max<std::uint64_t>(2 * rows, 400'000) / page_events * page_events)) {
    projector_ = bound_projector(summary, summary_table());
    parser_ = make_json_parser({projector_.get()}, PayloadFormat::jsonb);
    for (const Page& one : pages_) parsed_.push_back(parser_->parse(one));
    set = std::make_unique<ChangeSet>(projector_->table());
    for (std::size_t number = 0; number < pages_.size(); ++number) fold_page(number);
    next_ = pages_.size() / 2 + 1;
  }

  void fold_page(std::size_t number) {
    const Page& page = pages_[number];
    fold({projector_.get(), 0}, *parser_, page, parsed_[number], 0, page.events.size(), OnError::stop, false, *set);
  }
  /// The next page in turn that creates no row, read once, as parse has just done.
  std::size_t next() {
    if (++next_ == pages_.size()) next_ = pages_.size() / 2 + 1;
    const Page& page = pages_[next_];
    std::size_t sum = 0;
    for (const StoredEvent& event : page.events)
      for (const std::string_view text : {event.event_id, event.stream_id.value_or(""), event.payload})
        sum += text.empty() ? 0 : static_cast<unsigned char>(text.front());
    for (const Json& value : parsed_[next_].values) sum += value.text.size();
    benchmark::DoNotOptimize(sum);
    return next_;
  }

  std::unique_ptr<ChangeSet> set;

 private:
  std::vector<Page> pages_;
  std::vector<ParsedPage> parsed_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<PayloadParser> parser_;
  std::size_t next_ = 0;
};

void apply(benchmark::State& state) {
  static std::map<std::int64_t, Summary> summaries;  // made once for all repetitions
  const auto rows = static_cast<std::uint64_t>(state.range(0));
  Summary& one = summaries.try_emplace(state.range(0), rows).first->second;
  for (auto _ : state) {
    state.PauseTiming();
    const std::size_t page = one.next();
    state.ResumeTiming();
    one.fold_page(page);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(page_events));
  state.counters["bytes_per_row"] = static_cast<double>(one.set->bytes()) / static_cast<double>(one.set->size());
}
BENCHMARK(apply)->Arg(1'000)->Arg(166'667);

}  // namespace
}  // namespace rebuild_projection

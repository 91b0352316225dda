// Parse, one thread, payloads of some 300 bytes; and what simdjson alone takes for them.

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "bench/candidates.h"
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

void count(benchmark::State& state, const Page& page) {
  std::int64_t bytes = 0;
  for (const StoredEvent& event : page.events) bytes += static_cast<std::int64_t>(event.payload.size());
  state.SetBytesProcessed(bytes * state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(page_events) * state.iterations());
}

void parse(benchmark::State& state) {
  const auto bound = bench::bound_projector(projection, table());
  const auto parser = make_json_parser({bound.get()}, PayloadFormat::jsonb);
  const Page events = page();
  for (auto _ : state) benchmark::DoNotOptimize(parser->parse(events));
  count(state, events);
}
BENCHMARK(parse);

/// The bound: the same four members by simdjson as its manual shows it, with no kind, no check, no place to keep them.
void parse_by_hand(benchmark::State& state) {
  const Page events = page();
  simdjson::ondemand::parser parser;
  for (auto _ : state) {
    for (const StoredEvent& event : events.events) {
      simdjson::ondemand::document document =
          parser.iterate(event.payload.data(), event.payload.size(), event.payload.size() + simdjson::SIMDJSON_PADDING);
      for (auto field : document.get_object()) {
        const simdjson::ondemand::raw_json_string key = field.key();
        if (key == "full_name" || key == "email" || key == "source" || key == "stage")
          benchmark::DoNotOptimize(field.value().get_raw_json_string().value().raw());
      }
    }
  }
  count(state, events);
}
BENCHMARK(parse_by_hand);

/// The floor: the search for the structure alone, which comes before any value.
void parse_structure(benchmark::State& state) {
  const Page events = page();
  simdjson::ondemand::parser parser;
  for (auto _ : state)
    for (const StoredEvent& event : events.events)
      benchmark::DoNotOptimize(parser.iterate(event.payload.data(), event.payload.size(),
                                              event.payload.size() + simdjson::SIMDJSON_PADDING));
  count(state, events);
}
BENCHMARK(parse_structure);

}  // namespace
}  // namespace rebuild_projection

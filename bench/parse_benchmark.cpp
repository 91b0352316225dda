// Parse, one thread, payloads of some 250 bytes.

#include <benchmark/benchmark.h>

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

void parse(benchmark::State& state) {
  const auto bound = bench::bound_projector(projection, table());
  const auto parser = make_json_parser({bound.get()}, PayloadFormat::jsonb);
  const Page events = page();
  std::int64_t bytes = 0;
  for (const StoredEvent& event : events.events) bytes += static_cast<std::int64_t>(event.payload.size());
  for (auto _ : state) benchmark::DoNotOptimize(parser->parse(events));
  state.SetBytesProcessed(bytes * state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(page_events) * state.iterations());
}
BENCHMARK(parse);

}  // namespace
}  // namespace rebuild_projection

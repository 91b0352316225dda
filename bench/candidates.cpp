#include "bench/candidates.h"

#include <array>
#include <cstdio>
#include <random>
#include <stdexcept>

#include "pipeline/hash.h"
#include "stages/apply/projection_file.h"
#include "tests/support/catalogue.h"
#include "tests/support/pages.h"

namespace rebuild_projection::bench {

namespace {

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

}  // namespace

std::unique_ptr<Projector> bound_projector(std::string_view toml, const CatalogueTable& table) {
  std::vector<std::string> mistakes;
  const auto files = read_projection_text("bench.toml", toml, mistakes);
  auto bound = files.empty() ? nullptr : files.front().bind(table, mistakes);
  if (!bound) throw std::logic_error(mistakes.empty() ? "no projection" : mistakes.front());
  return bound;
}

std::unique_ptr<Projector> candidate_summary(const CatalogueTable& table) {
  return bound_projector(summary, table);
}

std::unique_ptr<Projector> candidate_summary() {
  return candidate_summary(summary_table());
}

std::string uuid_of(std::uint64_t candidate) {
  const std::uint64_t high = hash_of(std::to_string(candidate)), low = hash_of(std::to_string(~candidate));
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFFF),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFF));
  return text.data();
}

std::vector<Page> candidate_pages(std::uint64_t candidates, std::uint64_t events, std::size_t page_events) {
  constexpr std::array<std::string_view, 5> types{"candidate.stage_changed", "candidate.scored", "candidate.note_added",
                                                  "candidate.contacted", "candidate.updated"};
  constexpr std::array<std::string_view, 6> stages{"sourced", "screening", "interview", "offer", "hired", "rejected"};
  std::mt19937_64 random(1);
  std::vector<Page> pages;
  std::vector<test::PageEvent> of_page;
  for (std::uint64_t index = 0; index < events; ++index) {
    const bool created = index < candidates;
    const std::uint64_t candidate = created ? index : random() % candidates;
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

}  // namespace rebuild_projection::bench

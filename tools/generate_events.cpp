// Writes recruiting events as rows for COPY event_store FROM STDIN (text format), for demonstrations, tests and
// benchmarks. The same arguments give the same bytes on every machine.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools/generator/copy_writer.h"
#include "tools/generator/random.h"
#include "tools/generator/vocabulary.h"

namespace rebuild_projection {
namespace {

// The event in the middle has this id, so that an example of --from-event-id works on every generated store.
constexpr std::string_view middle_event_id = "550e8400-e29b-41d4-a716-446655440000";

// 2025-01-01T00:00:00Z. With 20 seconds from event to event, 200,000 events end in the middle of February.
constexpr std::int64_t first_ts_us = 1'735'689'600'000'000;
constexpr std::uint32_t step_us_max = 42'000'000;
constexpr std::uint32_t same_ts_percent = 5;

// Whoever is in play at one time; bounded, so that memory does not grow with the number of events.
constexpr std::size_t candidates_max = 4096;
constexpr std::size_t leads_max = 1024;
constexpr std::size_t recruiters_count = 40;

constexpr std::array<std::string_view, 6> stages{"sourced", "contacted", "screening", "interview", "offer", "hired"};
constexpr std::size_t hired = stages.size() - 1;

struct Candidate {
  Uuid id;
  std::string_view name;
  std::size_t stage = 0;
  bool rejected = false;
};

struct Lead {
  Uuid id;
  bool qualified = false;
};

struct Recruiter {
  Uuid id;
  std::string_view name;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < recruiters_count; ++i) recruiters_.push_back({random_.uuid(), vocabulary_.names[i]});
  }

  void run(std::uint64_t events) {
    for (std::uint64_t n = 0; n < events; ++n) {
      is_middle_ = n == events / 2;
      next_ts();
      event();
      out_.end_row();
    }
    out_.flush();
  }

 private:
  void next_ts() {
    // Equal timestamps are ordered by event id, and ids are random: so no two events of a tie are about the same
    // subject, or a candidate could be created after what happened to it.
    if (!tie_.empty() && random_.percent(same_ts_percent)) return;
    tie_.clear();
    ts_us_ += 1 + random_.below(step_us_max);
  }

  /// False where this timestamp already has an event about the subject.
  bool take_subject(const Uuid& id) {
    if (std::find(tie_.begin(), tie_.end(), id) != tie_.end()) return false;
    tie_.push_back(id);
    return true;
  }

  void event() {
    const std::uint32_t roll = random_.below(100);
    if (candidates_.size() < 20 || roll < 7) return candidate_created();
    if (leads_.size() < 10 || roll < 10) return lead_created();
    if (roll < 25) {
      const std::uint32_t i = random_.below(static_cast<std::uint32_t>(leads_.size()));
      return take_subject(leads_[i].id) ? lead_event(i) : lead_created();
    }
    const std::uint32_t i = random_.below(static_cast<std::uint32_t>(candidates_.size()));
    if (!take_subject(candidates_[i].id)) return candidate_created();
    return roll < 37 ? interview_held(candidates_[i]) : candidate_event(i);
  }

  /// The columns before the payload, and the payload's opening brace.
  void begin(std::string_view type, std::string_view aggregate_type, const Uuid& aggregate) {
    const Uuid id = random_.uuid();
    out_ << (is_middle_ ? middle_event_id : text(id)) << "\t";
    out_.timestamp(ts_us_);
    out_ << "\t" << type << "\t" << aggregate_type << "\t" << text(aggregate) << "\t{";
  }

  void by_recruiter() {
    const Recruiter& recruiter = random_.one_of(std::span<const Recruiter>(recruiters_));
    out_ << R"("by": {"user_id": ")" << text(recruiter.id) << R"(", "name": )" << recruiter.name << "}";
  }

  std::string_view word(const std::vector<std::string>& words) { return random_.one_of(std::span(words)); }

  void candidate_created() {
    const Candidate candidate{random_.uuid(), word(vocabulary_.names)};
    take_subject(candidate.id);
    begin("candidate.created", "candidate", candidate.id);
    out_ << R"("full_name": )" << candidate.name << R"(, "email": "c)" << ++created_ << R"(@example.org", "source": )"
         << word(vocabulary_.sources) << R"(, "location": )" << word(vocabulary_.locations) << R"(, "skills": [)"
         << word(vocabulary_.skills) << ", " << word(vocabulary_.skills) << R"(], "salary_expectation": )";
    out_.cents(3'000'000 + random_.below(9'000'000));
    out_ << "}";
    put(candidates_, candidate, candidates_max);
  }

  void candidate_event(std::size_t i) {
    Candidate& candidate = candidates_[i];
    const std::uint32_t roll = random_.below(1000);
    if (roll < 5) return candidate_erased(i);
    if (roll < 380 && candidate.stage < hired && !candidate.rejected) return stage_changed(candidate);
    if (roll < 600) return candidate_contacted(candidate);
    if (roll < 700) return candidate_updated(candidate);
    if (roll < 800) return candidate_scored(candidate);
    begin("candidate.note_added", "candidate", candidate.id);
    out_ << R"("note": )" << word(vocabulary_.notes) << ", ";
    by_recruiter();
    out_ << "}";
  }

  void stage_changed(Candidate& candidate) {
    begin("candidate.stage_changed", "candidate", candidate.id);
    out_ << R"("from": ")" << stages[candidate.stage] << R"(", "stage": ")";
    if (random_.percent(12)) {
      candidate.rejected = true;
      out_ << "rejected";
    } else {
      out_ << stages[++candidate.stage];
    }
    out_ << R"(", )";
    by_recruiter();
    out_ << "}";
  }

  void candidate_contacted(const Candidate& candidate) {
    begin("candidate.contacted", "candidate", candidate.id);
    out_ << R"("channel": )" << word(vocabulary_.channels) << ", ";
    by_recruiter();
    out_ << "}";
  }

  // Holds what changed only, sometimes null: gone.
  void candidate_updated(const Candidate& candidate) {
    begin("candidate.updated", "candidate", candidate.id);
    switch (random_.below(4)) {
      case 0:
        out_ << R"("location": )" << word(vocabulary_.locations);
        break;
      case 1:
        out_ << R"("email": null)";
        break;
      case 2:
        out_ << R"("email": "new.)" << random_.below(1'000'000) << R"(@example.com")";
        break;
      default:
        out_ << R"("salary_expectation": )";
        out_.cents(3'000'000 + random_.below(9'000'000));
    }
    out_ << "}";
  }

  void candidate_scored(const Candidate& candidate) {
    begin("candidate.scored", "candidate", candidate.id);
    out_ << R"("model": "match-)" << 1 + random_.below(3) << R"(", "score": )";
    out_.cents(random_.below(10'001));
    out_ << "}";
  }

  void candidate_erased(std::size_t i) {
    begin("candidate.erased", "candidate", candidates_[i].id);
    out_ << R"("reason": "request of the person"})";
    take_out(candidates_, i);
  }

  void interview_held(const Candidate& candidate) {
    begin("interview.held", "interview", random_.uuid());
    out_ << R"("candidate_id": ")" << text(candidate.id) << R"(", "minutes": )" << 15 * (1 + random_.below(6))
         << R"(, "panel": [)";
    // Neighbours in the list, so that nobody sits in a panel twice; rarely nobody was written down.
    const std::uint32_t first = random_.below(recruiters_count);
    const std::uint32_t people = random_.percent(2) ? 0 : 1 + random_.below(4);
    for (std::uint32_t i = 0; i < people; ++i) {
      const Recruiter& recruiter = recruiters_[(first + i) % recruiters_count];
      out_ << (i == 0 ? "" : ", ") << R"({"user_id": ")" << text(recruiter.id) << R"(", "name": )" << recruiter.name
           << "}";
    }
    out_ << "]}";
  }

  void lead_created() {
    const Lead lead{random_.uuid()};
    take_subject(lead.id);
    begin("lead.created", "lead", lead.id);
    out_ << R"("company": )" << word(vocabulary_.companies) << R"(, "contact": {"name": )" << word(vocabulary_.names)
         << R"(, "email": "l)" << ++created_ << R"(@example.com"}, "value": )";
    out_.cents(100'000 + random_.below(5'000'000));
    out_ << R"(, "currency": ")" << (random_.percent(70) ? "EUR" : "USD") << R"("})";
    put(leads_, lead, leads_max);
  }

  void lead_event(std::size_t i) {
    Lead& lead = leads_[i];
    const std::uint32_t roll = random_.below(100);
    if (roll < 45) {
      begin("lead.contacted", "lead", lead.id);
      out_ << R"("channel": )" << word(vocabulary_.channels) << ", ";
      by_recruiter();
      out_ << "}";
    } else if (!lead.qualified) {
      lead.qualified = true;
      begin("lead.qualified", "lead", lead.id);
      out_ << R"("rating": )" << 1 + random_.below(5) << R"(, "budget": )" << 1000 * random_.below(200) << "}";
    } else if (roll < 75) {
      begin("lead.converted", "lead", lead.id);
      out_ << R"("contract_value": )";
      out_.cents(100'000 + random_.below(9'000'000));
      out_ << "}";
      take_out(leads_, i);
    } else {
      begin("lead.lost", "lead", lead.id);
      out_ << R"("reason": )" << word(vocabulary_.reasons) << "}";
      take_out(leads_, i);
    }
  }

  /// A full pool forgets one of its members: nothing more happens to it.
  template <class T>
  void put(std::vector<T>& pool, const T& member, std::size_t members_max) {
    if (pool.size() < members_max) {
      pool.push_back(member);
    } else {
      pool[random_.below(static_cast<std::uint32_t>(pool.size()))] = member;
    }
  }

  template <class T>
  static void take_out(std::vector<T>& pool, std::size_t i) {
    pool[i] = pool.back();
    pool.pop_back();
  }

  Random random_;
  Vocabulary vocabulary_;
  CopyWriter out_;
  std::vector<Recruiter> recruiters_;
  std::vector<Candidate> candidates_;
  std::vector<Lead> leads_;
  std::vector<Uuid> tie_;  // the subjects that have an event at ts_us_
  std::int64_t ts_us_ = first_ts_us;
  std::uint64_t created_ = 0;
  bool is_middle_ = false;
};

constexpr std::string_view usage = R"(usage: generate_events --events N [--seed S] [--format copy]
Writes N recruiting events to standard output, as rows for: \copy event_store from stdin
)";

std::uint64_t number(std::string_view option, std::string_view value) {
  std::uint64_t result = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc{} || end != value.data() + value.size()) {
    throw std::invalid_argument(std::string(option) + " needs a whole number that is not negative.");
  }
  return result;
}

}  // namespace
}  // namespace rebuild_projection

int main(int argc, char** argv) {
  using namespace rebuild_projection;
  try {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    std::uint64_t events = 0;
    std::uint64_t seed = 1;
    bool has_events = false;
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
      const std::string_view option = arguments[i];
      const std::string_view value = i + 1 < arguments.size() ? arguments[i + 1] : std::string_view{};
      if (option == "--help") return std::fputs(usage.data(), stdout) < 0 ? 1 : 0;
      if (option == "--events") {
        events = number(option, value);
        has_events = true;
      } else if (option == "--seed") {
        seed = number(option, value);
      } else if (option != "--format" || value != "copy") {
        throw std::invalid_argument("do not understand '" + std::string(option) + "'.");
      }
    }
    if (!has_events) throw std::invalid_argument("--events is missing.");
    Generator(seed).run(events);
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "generate_events: %s\n%s", error.what(), usage.data());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generate_events: %s\n", error.what());
  }
  return 1;
}

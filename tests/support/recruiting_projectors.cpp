#include "tests/support/recruiting_projectors.h"

#include <memory>

namespace rebuild_projection::test {

using enum Operation;

// ---- candidates

CandidateSummary::CandidateSummary()
    : Projector({.name = "candidate_summary",
                 .table = "candidate_summary",
                 .key = {"candidate_id"},
                 .columns = {{"full_name", set},
                             {"email", set},
                             {"location", set},
                             {"source", set},
                             {"skills", set},
                             {"salary_expectation", set},
                             {"stage", set},
                             {"best_score", max},
                             {"last_note", set},
                             {"created_at", init},
                             {"first_contacted_at", min},
                             {"last_interview_at", max},
                             {"hired_at", set},
                             {"last_activity_at", max}},
                 .events = {"candidate.created", "candidate.updated", "candidate.stage_changed", "candidate.contacted",
                            "candidate.note_added", "candidate.scored", "interview.held", "candidate.erased"},
                 .payload = {.paths = {"/full_name", "/email", "/location", "/source", "/skills", "/salary_expectation",
                                       "/stage", "/note", "/score", "/candidate_id"}}}) {}

void CandidateSummary::handle(const Event& event, Changes& changes) const {
  if (event.type() == "candidate.erased") return changes.remove({event.stream_id()});

  // An interview is a stream of its own; the candidate is named in its payload.
  const bool interview = event.type() == "interview.held";
  auto row = changes.upsert({interview ? event.value("/candidate_id") : event.stream_id()});
  row.max("last_activity_at", event.ts());
  if (interview) {
    row.max("last_interview_at", event.ts());
  } else if (event.type() == "candidate.created") {
    row.init("created_at", event.ts()).set("stage", "sourced");
    row.set("source", event.value("/source")).set("skills", event.value("/skills"));
  } else if (event.type() == "candidate.stage_changed") {
    const Json& stage = event.value("/stage");
    row.set("stage", stage);
    if (stage.kind == Json::Kind::string && stage.text == "hired") row.set("hired_at", event.ts());
  } else if (event.type() == "candidate.contacted") {
    row.min("first_contacted_at", event.ts());
  } else if (event.type() == "candidate.note_added") {
    row.set("last_note", event.value("/note"));
  } else if (event.type() == "candidate.scored") {
    row.max("best_score", event.value("/score"));
  }
  if (event.type() == "candidate.created" || event.type() == "candidate.updated")
    row.set("full_name", event.value("/full_name"))
        .set("email", event.value("/email"))
        .set("location", event.value("/location"))
        .set("salary_expectation", event.value("/salary_expectation"));
}

// ---- leads

LeadSummary::LeadSummary()
    : Projector({.name = "lead_summary",
                 .table = "lead_summary",
                 .key = {"lead_id"},
                 .columns = {{"company", set},
                             {"contact_name", set},
                             {"contact_email", set},
                             {"value", set},
                             {"currency", set},
                             {"status", set},
                             {"rating", set},
                             {"budget", set},
                             {"contract_value", set},
                             {"lost_reason", set},
                             {"created_at", init},
                             {"first_contacted_at", min},
                             {"closed_at", set},
                             {"last_activity_at", max}},
                 .events = {"lead.created", "lead.qualified", "lead.contacted", "lead.converted", "lead.lost"},
                 .payload = {.paths = {"/company", "/contact/name", "/contact/email", "/value", "/currency", "/rating",
                                       "/budget", "/contract_value", "/reason"}}}) {}

void LeadSummary::handle(const Event& event, Changes& changes) const {
  auto row = changes.upsert({event.stream_id()});
  row.max("last_activity_at", event.ts());
  if (event.type() == "lead.contacted") {
    row.min("first_contacted_at", event.ts());
  } else if (event.type() == "lead.created") {
    const Json& currency = event.value("/currency");
    row.init("created_at", event.ts())
        .set("status", "new")
        .set("company", event.value("/company"))
        .set("contact_name", event.value("/contact/name"))
        .set("contact_email", event.value("/contact/email"))
        .set("value", event.value("/value"))
        .set("currency", currency.kind == Json::Kind::missing ? Operand("EUR") : currency);
  } else if (event.type() == "lead.qualified") {
    row.set("status", "qualified").set("rating", event.value("/rating")).set("budget", event.value("/budget"));
  } else if (event.type() == "lead.converted") {
    row.set("status", "converted").set("contract_value", event.value("/contract_value")).set("closed_at", event.ts());
  } else if (event.type() == "lead.lost") {
    row.set("status", "lost").set("lost_reason", event.value("/reason")).set("closed_at", event.ts());
  }
}

// ---- recruiters

RecruiterActivity::RecruiterActivity()
    : Projector({.name = "recruiter_activity",
                 .table = "recruiter_activity",
                 .key = {"recruiter_id"},
                 .columns = {{"name", set},
                             {"interviews", add},
                             {"minutes", add},
                             {"contacts", add},
                             {"stage_changes", add},
                             {"first_seen_at", min},
                             {"last_seen_at", max}},
                 .events = {"interview.held", "candidate.contacted", "lead.contacted", "candidate.stage_changed"},
                 .payload = {.paths = {"/minutes", "/by/user_id", "/by/name"},
                             .elements = {{"/panel/*", {"/user_id", "/name"}}}}}) {}

void RecruiterActivity::handle(const Event& event, Changes& changes) const {
  const auto seen = [&](const Json& recruiter, const Json& name) {
    auto row = changes.upsert({recruiter});
    row.set("name", name).min("first_seen_at", event.ts()).max("last_seen_at", event.ts());
    return row;
  };
  if (event.type() == "interview.held") {
    for (const Element& member : event.elements(0))
      seen(member.values[0], member.values[1]).add("interviews", 1).add("minutes", event.value("/minutes"));
  } else {
    const char* count = event.type() == "candidate.stage_changed" ? "stage_changes" : "contacts";
    seen(event.value("/by/user_id"), event.value("/by/name")).add(count, 1);
  }
}

ProjectorRegistry recruiting_projectors() {
  ProjectorRegistry registry;
  registry.add(std::make_unique<CandidateSummary>());
  registry.add(std::make_unique<LeadSummary>());
  registry.add(std::make_unique<RecruiterActivity>());
  return registry;
}

}  // namespace rebuild_projection::test

// Without this file the summary could lose events, or say that a failed run went well.
#include "tools/summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rebuild_projection {
namespace {

Report applied() {
  Report r;
  r.mode = Mode::apply;
  r.batch_events = 200;
  r.tokens = 8;
  r.workers = 2;
  r.readers = 1;
  r.store = "event_store";
  r.database = "demo on /tmp:5432 as rebuilder";
  r.range = "all events";
  Report::Projection p;
  p.name = "candidate_summary";
  p.table = "public.candidate_summary";
  p.version = 3;
  p.applied = 1'000;
  p.ignored = 234;
  p.rows_written = 900;
  p.rows_deleted = 5;
  p.rows_cleared = 12'345;
  r.projections.push_back(p);
  p = {};
  p.name = "lead_summary";
  p.table = "leads";
  p.applied = 34;
  p.ignored = 1'200;
  p.rows_written = 30;
  p.types_never_seen = {"lead.merged", "lead.split"};
  r.projections.push_back(p);
  r.events_in_range = 1'234;
  r.events_read = 1'234;
  r.bytes_read = 98'765;
  r.events_by_type = {{"candidate.created", 200}, {"candidate.stage_changed", 1'000}, {"lead.created", 34}};
  r.batches = 7;
  r.batches_closed_early = 1;
  r.spilled_bytes = 123'456'789;
  r.first_position = Position{"2025-01-01 00:00:00+00", "a1"};
  r.last_position = Position{"2025-02-01 00:00:00+00", "b2"};
  r.last_event_id = "b2";
  r.seconds = std::chrono::duration<double>(2);
  r.busy_seconds = {1.9, 0.4, 0.2, 1.0};
  r.stage_threads = {1, 2, 2, 1};
  r.warnings = {"The type lead.merged never occurred."};
  return r;
}

Report verified() {
  Report r = applied();
  r.mode = Mode::verify;
  r.batch_events = std::uint64_t{1} << 40;
  Comparison& same = r.projections[0].comparison.emplace();
  same.key = {"id"};
  same.expected_rows = same.live_rows = same.equal = 1'000;
  same.digest = same.live_digest = "aa";
  Comparison& other = r.projections[1].comparison.emplace();
  other.key = {"id", "day"};
  other.expected_rows = 10;
  other.live_rows = 11;
  other.equal = 8;
  other.missing = 1;
  other.extra = 2;
  other.different = 1;
  other.columns = {{"name", 1}};
  other.digest = "bb";
  other.live_digest = "cc";
  other.first = {{Drift::Kind::missing, {"1", "mon"}, {}, {}, {}},
                 {Drift::Kind::different, {"2\x1b", std::nullopt}, {"name"}, {"Ada"}, {std::nullopt}}};
  return r;
}

TEST(SummaryText, OfAVerifiedRun) {
  const std::string text = summary_text(verified());
  for (const char* part : {
           "settings     one batch, 8 tokens",
           "verdict      drift: 4 rows are not as the events say\n",
           "projection         table                     rows by events  equal  missing  extra  different\n"
           "candidate_summary  public.candidate_summary           1,000  1,000        0      0          0\n"
           "lead_summary       leads                                 10      8        1      2          1\n",
           "Certificate: store event_store, 1,234 events, from 2025-01-01 00:00:00+00, a1 to 2025-02-01 00:00:00+00, "
           "b2\n",
           "Not as the events say, in leads: 4 rows; by column: name 1\n"
           "  missing    id = 1, day = mon\n"
           "  different  id = 2\\x1b, day = NULL: name is NULL, by its events \"Ada\"\n"
           "  and 2 more (--drift-limit, --drift-file)\n",
       })
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  Report stopped = verified();
  stopped.projections[0].comparison.reset();
  EXPECT_NE(summary_text(stopped).find("verdict      none: the tables were not compared\n"), std::string::npos);
}

/// However equal the rows are.
TEST(SummaryText, OfAVerifiedRunThatLacksEventsHasNoVerdictAndNoCertificate) {
  Report skipping = verified(), built = verified();
  for (Report* r : {&skipping, &built}) {
    r->projections[1].comparison = r->projections[0].comparison;
    (r == &skipping ? r->projections[0].skipped : r->projections[0].skipped_before) = 3;
    const std::string text = summary_text(*r);
    EXPECT_NE(text.find("verdict      none: 3 events were left out, so the rows are not as all events say\n"),
              std::string::npos)
        << text;
    const std::size_t certificate = text.find("Certificate");
    ASSERT_NE(certificate, std::string::npos);  // of the other table
    EXPECT_EQ(text.find("public.candidate_summary", certificate), std::string::npos) << text;
    EXPECT_EQ(nlohmann::json::parse(summary_json(*r, 2))["projections"][0]["comparison"]["digest"], "");
  }
  built.projections[1].skipped_before = 1;
  EXPECT_EQ(summary_text(built).find("Certificate"), std::string::npos);
  built.projections[1].comparison->extra = 1;
  EXPECT_NE(
      summary_text(built).find("verdict      drift: 1 row is not as the events say, and 4 events were left out\n"),
      std::string::npos);
}

TEST(SummaryText, OfARunThatSkippedEventsListsThem) {
  Report r = applied();
  r.projections[0].skipped = 22;
  for (int number = 0; number < 22; ++number)
    r.projections[0].dead_letters.push_back({"e" + std::to_string(number), {"p\x1b", "q"}, "reason"});
  const std::string text = summary_text(r);
  for (const char* part : {"ended        complete, 22 events skipped: every other event in range was processed\n",
                           "skipped for        event  position\ncandidate_summary  e0     p\\x1b, q\n",
                           "candidate_summary  e19    p\\x1b, q\n  and 2 more (--summary)\n"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  const auto letter = nlohmann::json::parse(summary_json(r, 2))["projections"][0]["dead_letters"][21];
  EXPECT_EQ(letter, (nlohmann::json{{"event_id", "e21"}, {"position", {"p\x1b", "q"}}, {"error", "reason"}}));
}

TEST(SummaryJson, OfAVerifiedRun) {
  const auto json = nlohmann::json::parse(summary_json(verified(), 4));
  EXPECT_EQ(json["mode"], "VERIFY");
  EXPECT_EQ(json["projections"][0]["comparison"]["digest"], "aa");
  const auto found = json["projections"][1]["comparison"];
  EXPECT_EQ(found["missing"], 1);
  EXPECT_EQ(found["columns"]["name"], 1);
  EXPECT_EQ(found["first"][0], (nlohmann::json{{"drift", "missing"}, {"key", {{"id", "1"}, {"day", "mon"}}}}));
  EXPECT_EQ(found["first"][1]["expected"]["name"], "Ada");
  EXPECT_TRUE(found["first"][1]["live"]["name"].is_null());
}

TEST(SummaryText, OfAnAppliedRun) {
  EXPECT_EQ(summary_text(applied()), R"(mode         APPLY
database     demo on /tmp:5432 as rebuilder
store        event_store
range        all events
settings     batches of 200 events, 8 tokens, 2 workers, 1 reader

ended        complete: every event in range was processed
events       1,234 read of 1,234 in range
batches      7 (1 closed early by --max-memory)
             118 MiB of changes in temporary files, by --max-memory
time         2.00 s, 617 events a second
first        2025-01-01 00:00:00+00, a1
last         2025-02-01 00:00:00+00, b2
             the application's projector continues after this position

projection         table                     applied  ignored  skipped  errors  rolled back  rows written  deleted  cleared
candidate_summary  public.candidate_summary    1,000      234        0       0            0           900        5   12,345
lead_summary       leads                          34    1,200        0       0            0            30        0        0

event type               events
candidate.stage_changed   1,000
candidate.created           200
lead.created                 34

Types named by a projection that never occurred:
  lead_summary: lead.merged, lead.split

stage   busy  threads
read     95%        1  <- bottleneck
parse    10%        2
apply     5%        2
commit   50%        1

Warnings:
  The type lead.merged never occurred.
)");
}

TEST(SummaryText, OfADryRun) {
  Report r = applied();
  r.mode = Mode::dry_run;
  r.warnings.clear();
  r.projections.pop_back();
  r.batches_closed_early = 0;
  r.spilled_bytes = 0;
  r.busy_seconds = {1.9, 0.4, 0, 0};
  r.stage_threads = {1, 2, 0, 0};
  EXPECT_EQ(summary_text(r), R"(mode         DRY_RUN
database     demo on /tmp:5432 as rebuilder
store        event_store
range        all events
settings     batches of 200 events, 8 tokens, 2 workers, 1 reader

ended        complete: every event in range was processed
events       1,234 read of 1,234 in range
             DRY_RUN would apply 1,234 events
batches      7
time         2.00 s, 617 events a second
first        2025-01-01 00:00:00+00, a1
last         2025-02-01 00:00:00+00, b2

projection         table                     would apply  ignored  skipped  errors
candidate_summary  public.candidate_summary        1,000      234        0       0

event type               events
candidate.stage_changed   1,000
candidate.created           200
lead.created                 34

stage  busy  threads
read    95%        1  <- bottleneck
parse   10%        2
)");
}

TEST(SummaryText, OfNoEvents) {
  Report r;
  r.mode = Mode::apply;
  r.batch_events = 1;
  r.database = "d";
  r.store = "s";
  r.range = "all events";
  EXPECT_EQ(summary_text(r), R"(mode         APPLY
database     d
store        s
range        all events
settings     batches of 1 event, 0 tokens, 0 workers, 0 readers

ended        complete: every event in range was processed
events       0 read of 0 in range
batches      0
time         0.00 s, 0 events a second
)");
}

TEST(SummaryText, SaysWhyARunEnded) {
  Report r = applied();
  const auto ended = [&] {
    const std::string text = summary_text(r);
    const std::size_t begin = text.find("\nended") + 1;
    return text.substr(begin, text.find("\nevents") + 1 - begin);
  };
  r.ending = Ending::failed;
  r.ending_detail = "candidate_summary: event b2 at 2025-02-01 00:00:00+00, b2: the column stage is too short.";
  EXPECT_EQ(ended(),
            "ended        failed: candidate_summary: event b2 at 2025-02-01 00:00:00+00, b2: the column stage is too "
            "short.\n");
  r.ending = Ending::cancelled;
  r.ending_detail = "Rows may be older than before.\nRun it again to finish.";
  EXPECT_EQ(ended(),
            "ended        cancelled: a signal stopped it\n             Rows may be older than before.\n"
            "             Run it again to finish.\n");
  r.ending = Ending::incomplete;
  r.ending_detail.clear();
  EXPECT_EQ(ended(), "ended        incomplete: --max-events was reached first\n");
  EXPECT_EQ(summary_text(r).find("continues after"), std::string::npos);
}

TEST(SummaryText, ShowsTwentyLinesOfTypesAtTheMost) {
  Report r;
  for (int i = 10; i < 30; ++i) r.events_by_type["type." + std::to_string(i)] = static_cast<std::uint64_t>(i);
  EXPECT_NE(summary_text(r).find("type.10         10\n"), std::string::npos) << summary_text(r);
  EXPECT_EQ(summary_text(r).find("other types"), std::string::npos);
  r.events_by_type["type.09"] = 9;
  EXPECT_NE(summary_text(r).find("type.11              11\n(2 other types)      19\n"), std::string::npos)
      << summary_text(r);
}

TEST(SummaryText, CannotSteerTheTerminal) {
  Report r = applied();
  r.events_by_type["evil\x1b[2J\n\xff"] = 1;
  r.warnings = {"a\rb"};
  const std::string text = summary_text(r);
  EXPECT_NE(text.find("evil\\x1b[2J\\n\\xff"), std::string::npos) << text;
  EXPECT_NE(text.find("  a\\rb\n"), std::string::npos) << text;
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(SummaryJson, HoldsTheSameFacts) {
  const auto json = nlohmann::json::parse(summary_json(applied(), 0));
  const auto expected = nlohmann::json::parse(R"({
    "mode": "APPLY", "database": "demo on /tmp:5432 as rebuilder", "store": "event_store", "range": "all events",
    "batch_size": 200, "tokens": 8, "workers": 2, "readers": 1,
    "ending": "complete", "ending_detail": "", "exit_code": 0,
    "events_in_range": 1234, "events_in_range_estimated": false, "events_read": 1234, "bytes_read": 98765,
    "events_by_type": {"candidate.created": 200, "candidate.stage_changed": 1000, "lead.created": 34},
    "batches": 7, "batches_closed_early": 1, "spilled_bytes": 123456789, "retries": 0, "late_events": "", "seconds": 2.0, "events_per_second": 617.0,
    "first_position": ["2025-01-01 00:00:00+00", "a1"], "last_position": ["2025-02-01 00:00:00+00", "b2"],
    "last_event_id": "b2",
    "projections": [
      {"name": "candidate_summary", "table": "public.candidate_summary", "version": 3, "applied": 1000, "ignored": 234,
       "already_there": 0, "skipped": 0, "errors": 0, "rolled_back": 0, "rows_written": 900, "rows_deleted": 5, "rows_cleared": 12345,
       "types_never_seen": []},
      {"name": "lead_summary", "table": "leads", "version": 1, "applied": 34, "ignored": 1200,
       "already_there": 0, "skipped": 0, "errors": 0, "rolled_back": 0, "rows_written": 30, "rows_deleted": 0, "rows_cleared": 0,
       "types_never_seen": ["lead.merged", "lead.split"]}],
    "bottleneck": "read", "warnings": ["The type lead.merged never occurred."]})");
  for (const auto& [key, value] : expected.items()) EXPECT_EQ(json.at(key), value) << key;
  EXPECT_EQ(json.at("program").at("name"), "rebuild_projection");
  ASSERT_EQ(json.at("stages").size(), 4U);
  EXPECT_EQ(json.at("stages")[1].at("name"), "parse");
  EXPECT_EQ(json.at("stages")[1].at("threads"), 2);
  EXPECT_DOUBLE_EQ(json.at("stages")[1].at("busy_seconds"), 0.4);
  EXPECT_DOUBLE_EQ(json.at("stages")[1].at("occupancy"), 0.1);
  EXPECT_EQ(json.size(), expected.size() + 2);
}

TEST(SummaryJson, OfADryRunDoesNotClaimThatAnythingWasApplied) {
  Report r = applied();
  r.mode = Mode::dry_run;
  const auto json = nlohmann::json::parse(summary_json(r, 0));
  EXPECT_EQ(json.at("mode"), "DRY_RUN");
  EXPECT_FALSE(json.at("projections")[0].contains("applied"));
  EXPECT_EQ(json.at("projections")[0].at("would_apply"), 1000);
}

TEST(SummaryJson, HoldsNullWhereThereIsNothing) {
  const auto json = nlohmann::json::parse(summary_json(Report{}, 2));
  EXPECT_TRUE(json.at("first_position").is_null());
  EXPECT_TRUE(json.at("last_position").is_null());
  EXPECT_TRUE(json.at("last_event_id").is_null());
  EXPECT_TRUE(json.at("bottleneck").is_null());
  EXPECT_EQ(json.at("exit_code"), 2);
}

TEST(SummaryJson, IsValidWhateverTheNamesHold) {
  Report r;
  r.events_by_type["\xff\"\n"] = 1;
  const auto json = nlohmann::json::parse(summary_json(r, 0));
  EXPECT_EQ(json.at("events_by_type").begin().key(), "\xef\xbf\xbd\"\n");
}

}  // namespace
}  // namespace rebuild_projection

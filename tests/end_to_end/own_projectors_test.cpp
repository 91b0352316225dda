// Without this a projector written in C++ could give other rows than the file that says the same, skip other events,
// clear what is not its own, or fail without saying which projector and which event it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "pipeline/error.h"
#include "tests/support/in_process.h"
#include "tests/support/recruiting_projectors.h"

namespace rebuild_projection::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

const std::string tools = REBUILD_PROJECTION_TOOLS_DIR;

// ---- random events of a recruiting store

enum class Payloads { clean, with_mistakes };

class RandomEvents {
 public:
  RandomEvents(std::uint64_t seed, Payloads payloads) : random_(seed), mistakes_(payloads == Payloads::with_mistakes) {}

  void fill(Database& database, std::uint64_t events) {
    std::string rows;
    for (std::uint64_t number = 1; number <= events; ++number) {
      const std::string type =
          pick({"candidate.created", "candidate.updated", "candidate.stage_changed", "candidate.contacted",
                "candidate.note_added", "candidate.scored", "interview.held", "candidate.erased", "lead.created",
                "lead.qualified", "lead.contacted", "lead.converted", "lead.lost", "job.opened"});
      const std::string stream = chance(40) ? "'no uuid'" : chance(40) ? "NULL" : "'" + id(1 + below(9)) + "'";
      // The order of the numbers is not that of the times, and many events share one.
      rows += (rows.empty() ? "('" : ", ('") + event_id(number) + "', timestamptz '2025-01-01Z' + " +
              std::to_string(below(events / 2)) + " * interval '1 second', '" + type + "', " + stream + ", $json$" +
              payload(type).dump() + "$json$)";
    }
    database.execute("INSERT INTO event_store VALUES " + rows);
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  /// Once in so many times, of what only a store with mistakes has.
  bool chance(std::uint64_t times) { return mistakes_ && below(times) == 0; }
  std::string pick(const std::vector<std::string>& texts) { return texts[below(texts.size())]; }
  static std::string id(std::uint64_t number) { return event_id(0xabc000 + number); }

  /// Leaves the member out now and then, and puts null or what does not fit in its place.
  void member(json& object, const std::string& name, json value) {
    const std::uint64_t fate = below(12);
    if (fate == 0) return;
    if (fate == 1) value = nullptr;
    if (chance(25)) value = json::array({json::object({{"of", "another kind"}}), pick({"12", "x"})});
    if (chance(40)) value = pick({"text", "12.5", ""});
    object[name] = std::move(value);
  }

  json number() {
    if (below(4) == 0) return json(std::to_string(below(1000)) + ".005");  // a text that is a number
    return below(2) == 0 ? json(below(100)) : json(static_cast<double>(below(4000)) / 8);
  }

  json person() {
    json result = json::object();
    if (!chance(20)) result["user_id"] = chance(20) ? json(7) : json(id(20 + below(5)));
    member(result, "name", pick({"Ada", "Grace", "it's \"quoted\"", "{a,b}", ""}));
    return result;
  }

  json payload(const std::string& type) {
    json result = json::object();
    for (const char* text : {"full_name", "email", "location", "source", "note", "company", "currency", "reason"})
      member(result, text, pick({"a", "Zoë", "NULL", "", "back\\slash", "two\nlines", "{\"x\":1}"}));
    for (const char* amount : {"salary_expectation", "value", "budget", "contract_value", "score"})
      member(result, amount, number());
    member(result, "stage", pick({"sourced", "interview", "hired", "hired"}));
    member(result, "rating", below(5));
    member(result, "skills", json::array({pick({"c++", "sql"}), nullptr}));
    if (!mistakes_ || below(8) != 0) result["contact"] = json::object();
    if (result.contains("contact")) {
      member(result["contact"], "name", pick({"Eve", "Mallory"}));
      member(result["contact"], "email", pick({"e@example.org", ""}));
    }
    if (!chance(15)) result["candidate_id"] = id(1 + below(9));
    if (!chance(15)) result["by"] = person();
    if (type != "interview.held") return result;
    member(result, "minutes", 15 * below(8));
    result["panel"] = json::array();
    for (std::uint64_t members = below(4); members > 0; --members) result["panel"].push_back(person());
    if (chance(15)) result["panel"] = pick({"nobody", "12"});
    return result;
  }

  std::mt19937_64 random_;
  bool mistakes_;
};

void create_recruiting(Database& database) {
  database.create_event_store();
  std::ifstream tables(tools + "/projections/tables.sql");
  database.execute(std::string(std::istreambuf_iterator<char>(tables), {}));
}

// ---- the same as the files

struct Result {
  std::map<std::string, Report::Projection> reports;
  std::map<std::string, std::vector<std::string>> dead_letters;
};

void add_result(InProcess& run, const Report& report, Result& result) {
  EXPECT_NE(report.ending, Ending::failed) << report.ending_detail;
  for (const Report::Projection& projection : report.projections) {
    result.reports[projection.name] = projection;
    result.dead_letters[projection.name] = run.dead_letters(projection.name);
  }
}

Result rebuild_by_files(InProcess& run) {
  Result result;
  for (const char* folder : {"/projections", "/projections/counters"}) {
    run.options.projections_dir = tools + folder;
    add_result(run, run.apply(), result);
  }
  return result;
}

Result rebuild_by_projectors(InProcess& run) {
  run.options.projections_dir.clear();
  Result result;
  add_result(run, rebuild(run.options, recruiting_projectors(), {}), result);
  return result;
}

/// Keeps the table's rows as `of_file.NAME` and empties it, so that a rebuild that does nothing is seen.
void put_aside(Database& database, const std::string& table) {
  database.execute("CREATE SCHEMA IF NOT EXISTS of_file; DROP TABLE IF EXISTS of_file." + table +
                   "; CREATE TABLE of_file." + table + " AS TABLE " + table + "; DELETE FROM " + table);
}

std::vector<std::string> differences(Database& database, const std::string& left, const std::string& right) {
  const std::string one = "(SELECT (t.*)::text FROM " + left + " t EXCEPT ALL SELECT (t.*)::text FROM " + right + " t)";
  const std::string other =
      "(SELECT (t.*)::text FROM " + right + " t EXCEPT ALL SELECT (t.*)::text FROM " + left + " t)";
  return database.rows("SELECT '" + left + " only', * FROM " + one + " a UNION ALL SELECT '" + right +
                       " only', * FROM " + other + " b");
}

const std::vector<std::string> names{"candidate_summary", "lead_summary", "recruiter_activity"};

class RandomStores : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomStores, ProjectorsGiveTheRowsOfTheirFiles) {
  constexpr std::uint64_t events = 1000;
  Database database;
  create_recruiting(database);
  RandomEvents(GetParam(), Payloads::with_mistakes).fill(database, events);
  const std::string store = database.store_digest();
  InProcess run(database);
  run.options.on_error = OnError::skip;
  // What the database refuses depends on the batches: a value that a later event of the batch replaces is not written.
  for (const auto& [batch_events, tokens] :
       std::vector<std::pair<std::uint64_t, unsigned>>{{1, 8}, {7, 1}, {100, 8}, {10000, 2}}) {
    SCOPED_TRACE("batches of " + std::to_string(batch_events));
    run.options.batch_events = batch_events;
    run.options.tokens = tokens;
    const Result wanted = rebuild_by_files(run);
    // In one batch a row may be created and deleted before anything is written.
    if (batch_events < events) {
      ASSERT_GT(wanted.reports.at("candidate_summary").rows_deleted, 0U);
    }
    for (const std::string& name : names) {
      ASSERT_GT(wanted.dead_letters.at(name).size(), 3U) << name;
      ASSERT_LT(wanted.dead_letters.at(name).size(), events / 4) << name;
      ASSERT_EQ(database.value("SELECT count(*) > 3 FROM " + name), "t") << name;
      put_aside(database, name);
    }
    const Result made = rebuild_by_projectors(run);
    for (const std::string& name : names) {
      SCOPED_TRACE(name);
      EXPECT_EQ(differences(database, "public." + name, "of_file." + name), std::vector<std::string>{});
      EXPECT_EQ(made.dead_letters.at(name), wanted.dead_letters.at(name));
      EXPECT_EQ(made.reports.at(name).applied, wanted.reports.at(name).applied);
      EXPECT_EQ(made.reports.at(name).ignored, wanted.reports.at(name).ignored);
      EXPECT_EQ(made.reports.at(name).skipped, made.dead_letters.at(name).size());
    }
  }
  EXPECT_EQ(database.store_digest(), store);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStores, testing::Range<std::uint64_t>(1, 5));

TEST(OwnProjectors, RecruiterActivityIsWhatSqlSays) {
  Database database;
  create_recruiting(database);
  RandomEvents(77, Payloads::clean).fill(database, 1200);
  InProcess run(database);
  run.options.batch_events = 50;
  run.options.projections_dir.clear();
  run.options.projections = {"recruiter_activity"};
  const Report report = rebuild(run.options, recruiting_projectors(), {});
  ASSERT_EQ(report.exit_code(), 0) << report.ending_detail;
  database.execute(
      "CREATE TABLE wanted AS WITH seen AS ("
      " SELECT e.ts, e.event_id, part, person, 1 AS interviews, coalesce((payload->>'minutes')::bigint, 0) AS minutes,"
      "   0 AS contacts, 0 AS stage_changes"
      "  FROM event_store e, jsonb_array_elements(payload->'panel') WITH ORDINALITY AS p(person, part)"
      "  WHERE event_type = 'interview.held'"
      " UNION ALL SELECT ts, event_id, 1, payload->'by', 0, 0, (event_type LIKE '%.contacted')::int,"
      "   (event_type = 'candidate.stage_changed')::int FROM event_store"
      "  WHERE event_type IN ('candidate.contacted', 'lead.contacted', 'candidate.stage_changed'))"
      " SELECT (person->>'user_id')::uuid AS recruiter_id,"
      "   (array_agg(person->>'name' ORDER BY ts DESC, event_id DESC, part DESC) FILTER (WHERE person ? 'name'))[1],"
      "   sum(interviews) AS interviews, sum(minutes) AS minutes, sum(contacts) AS contacts,"
      "   sum(stage_changes) AS stage_changes, min(ts), max(ts) FROM seen GROUP BY 1");
  EXPECT_EQ(database.value("SELECT count(*) FROM wanted"), "5");
  EXPECT_EQ(differences(database, "recruiter_activity", "wanted"), std::vector<std::string>{});
}

// ---- a projector that shares its table, and one with bugs

/// Counts "noted" events into the rows of kind "notes" of a table that has other kinds too; `faults` name what
/// handle() does wrong.
class Notes : public Projector {
 public:
  explicit Notes(std::string fault = "", std::string clear = "DELETE FROM public.counts WHERE kind = 'notes'")
      : Projector({.name = "notes",
                   .table = "counts",
                   .key = {"kind", "id"},
                   .columns = {{"n", Operation::add}},
                   .events = {"noted"},
                   .payload = {.paths = {"/n"}, .elements = {{"/l/*", {"/x"}}}}}),
        fault_(std::move(fault)),
        clear_(std::move(clear)) {}

  void handle(const Event& event, Changes& changes) const override {
    auto row = changes.upsert({"notes", event.stream_id()});
    row.add("n", 1);
    if (event.value("/n").text != "3") return;
    if (fault_ == "path") static_cast<void>(event.value("/m"));
    if (fault_ == "index") static_cast<void>(event.value(9));
    if (fault_ == "elements") static_cast<void>(event.elements(7));
    if (fault_ == "element") static_cast<void>(event.elements(0).front().values[3]);
    if (fault_ == "matched") static_cast<void>(event.elements(0).front().matched[2]);
    if (fault_ == "column") row.add("m", 1);
    if (fault_ == "operation") row.set("n", 1);
    if (fault_ == "update") changes.update({"notes", "1"});
    if (fault_ == "key") changes.upsert({"notes"});
  }
  [[nodiscard]] std::optional<std::string> clear() const override { return clear_; }

 private:
  std::string fault_, clear_;
};

/// A store of four events "noted", 1 to 4, and the table with a row of notes and one of others.
class SharedTable : public testing::Test {
 protected:
  SharedTable() : run(database) {
    database.create_event_store();
    for (std::uint64_t number = 1; number <= 4; ++number)
      database.append(number, number, "noted", "s", "{\"n\": " + std::to_string(number) + ", \"l\": [{}]}");
    database.execute(
        "CREATE TABLE counts (kind text, id text, n integer, PRIMARY KEY (kind, id));"
        "INSERT INTO counts VALUES ('notes', 'old', 9), ('calls', 's', 5)");
    run.options.projections_dir.clear();
  }

  Report apply(std::unique_ptr<Projector> projector) {
    ProjectorRegistry registry;
    registry.add(std::move(projector));
    return rebuild(run.options, registry, {});
  }
  std::string refusal(std::unique_ptr<Projector> projector) {
    try {
      apply(std::move(projector));
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }
  std::vector<std::string> rows() { return database.rows("SELECT * FROM counts ORDER BY kind, id"); }

  using Lines = std::vector<std::string>;
  Database database;
  InProcess run;
};

TEST_F(SharedTable, ClearEmptiesItsPartOnly) {
  for (const bool truncate : {false, true}) {
    run.options.truncate = truncate;
    database.execute("INSERT INTO counts VALUES ('notes', 'stale', 1)");
    const Report report = apply(std::make_unique<Notes>());
    EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    EXPECT_EQ(report.projections.at(0).rows_cleared, 2U);  // 'stale', and 'old' or what the first run made
    EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|s|4"})) << truncate;
  }
}

TEST_F(SharedTable, ClearIsCalledWhereThereIsNothingToReplay) {
  database.execute("DELETE FROM event_store");
  run.options.clear = Clear::always;
  EXPECT_EQ(apply(std::make_unique<Notes>()).exit_code(), 0);
  EXPECT_EQ(rows(), (Lines{"calls|s|5"}));
}

TEST_F(SharedTable, ClearIsOneStatementOfTheBatchsTransaction) {
  const std::string remove = "DELETE FROM public.counts WHERE kind = 'notes'";
  const std::string again = remove + " AND false";
  const std::vector<std::pair<std::string, std::string>> wrong{
      {remove + "; COMMIT; BEGIN", "exactly one statement"},
      {remove + "; " + again, "exactly one statement"},
      {"BEGIN; " + remove, "begin"},
      {"COMMIT", "concerns the transaction"},
      {" ;; -- a comment\n Commit AND CHAIN", "commit"},
      {"/* /* */ ; */ROLLBACK", "rollback"},
      {"savepoint mine", "savepoint"},
      {"PREPARE TRANSACTION 'x'", "prepare"},
      {"DO $$ BEGIN " + remove + "; COMMIT; END $$", "invalid transaction termination"},
      {"COPY public.counts FROM STDIN", "the session"},
      {"SET search_path = public", "the session"},
      {"DEALLOCATE ALL", "the session"},
      {"/* nothing", "returns no statement"},
      {"", "returns no statement"}};
  for (const auto& [sql, says] : wrong) {
    const Report report = apply(std::make_unique<Notes>("", sql));
    EXPECT_EQ(report.exit_code(), 2) << sql;
    EXPECT_THAT(report.ending_detail, AllOf(HasSubstr("projection notes, clear(): "), HasSubstr(says))) << sql;
    EXPECT_THAT(report.ending_detail, HasSubstr("the tables are as they were"));
    EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"})) << sql;
  }
  EXPECT_EQ(apply(std::make_unique<Notes>("", "; /* the notes */ " + remove + ";")).exit_code(), 0);
  EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|s|4"}));
}

TEST_F(SharedTable, ClearThatFailsNamesTheProjection) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"DELET FROM public.counts", "syntax error"},
      {"DELETE FROM public.nowhere", "does not exist"},
      {"DELETE FROM counts", "does not exist"},  // names need their schema
      {"DELETE FROM public.counts WHERE n / 0 = 1", "division by zero"}};
  for (const auto& [sql, says] : wrong) {
    const Report report = apply(std::make_unique<Notes>("", sql));
    EXPECT_EQ(report.exit_code(), 2);
    EXPECT_THAT(report.ending_detail, AllOf(HasSubstr("projection notes, clear(): "), HasSubstr(says)));
    EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"}));
  }
}

TEST_F(SharedTable, BugsEndTheRunAndNameTheEvent) {
  const std::map<std::string, std::string> faults{
      {"path", "the projector reads \"/m\" and does not declare that path"},
      {"index", "the projector reads a path at index 9, and declares 1 of them"},
      {"elements", "the projector reads elements at index 7, and declares 1 of them"},
      {"element", "the projector reads a value of an element at index 3, and declares 1 of them"},
      {"matched", "the projector reads a value of an element at index 2, and declares 1 of them"},
      {"column", "the projector writes column \"m\" and does not declare it"},
      {"operation", "the projector does not declare \"set\" for column \"n\""},
      {"update", "the projector does not declare that it updates existing rows"},
      {"key", "a key with another number of parts than its table has"}};
  for (const auto& [fault, says] : faults) {
    run.options.on_error = OnError::stop;
    const Report stopped = apply(std::make_unique<Notes>(fault));
    EXPECT_EQ(stopped.exit_code(), 2);
    EXPECT_THAT(stopped.ending_detail, HasSubstr("projection notes, event " + event_id(3) + " at "));
    EXPECT_THAT(stopped.ending_detail, HasSubstr(says));
    EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"})) << fault;
  }
  // Skipped, the event leaves nothing: what handle() had done before it failed is dropped.
  run.options.on_error = OnError::skip;
  EXPECT_EQ(apply(std::make_unique<Notes>("column")).exit_code(), 2);
  EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|s|3"}));
  EXPECT_EQ(run.dead_letters("notes"), Lines{event_id(3)});
}

/// Throws, of all that there is, what the test gives it, wherever the library calls it.
class Throwing : public Notes {
 public:
  Throwing(std::string where, std::function<void()> throws) : where_(std::move(where)), throws_(std::move(throws)) {}
  void handle(const Event& event, Changes& changes) const override {
    Notes::handle(event, changes);
    if (event.value("/n").text == "3") fail("handle");
  }
  [[nodiscard]] std::optional<std::string> clear() const override {
    fail("clear");
    return where_ == "on_drift" || where_ == "stream_key_part" ? std::nullopt : Notes::clear();
  }
  [[nodiscard]] std::vector<std::string> paths_read(std::string_view type) const override {
    fail("paths_read");
    return Notes::paths_read(type);
  }
  [[nodiscard]] std::optional<std::size_t> stream_key_part() const override {
    fail("stream_key_part");
    return 1;
  }
  void fail(const std::string& where) const {
    if (where == where_) throws_();
  }

 private:
  std::string where_;
  std::function<void()> throws_;
};

TEST_F(SharedTable, WhateverCodeOfTheCallerThrowsEndsInTheReport) {
  const std::map<std::string, std::function<void()>> thrown{{"no std::exception", [] { throw 7; }},
                                                            {"a boom", [] { throw std::logic_error("a boom"); }},
                                                            {"a stop", [] { throw Cancelled("a stop"); }},
                                                            {"a refusal", [] { throw UsageError("a refusal"); }}};
  for (const auto& [says, throws] : thrown) {
    const auto apply_throwing = [&](const std::string& where) {
      run.options.announce = [&, where](const std::string&) {
        if (where == "announce") throws();
      };
      run.options.on_drift = [&](const auto&...) { throws(); };
      run.options.mode = where == "on_drift" ? Mode::verify : Mode::apply;
      run.options.scope = where == "stream_key_part" ? Scope::touched : Scope::all;
      run.options.from_ts = where == "stream_key_part" ? std::optional<std::string>("2000-01-01") : std::nullopt;
      const Report report = apply(std::make_unique<Throwing>(where, throws));
      EXPECT_EQ(report.ending, Ending::failed) << where;
      EXPECT_EQ(report.exit_code(), 2) << where;
      EXPECT_THAT(report.ending_detail, HasSubstr(where == "handle" ? event_id(3) : where)) << where;
      EXPECT_THAT(report.ending_detail, HasSubstr(says)) << where;
      EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"})) << where;
    };
    for (const char* where : {"handle", "clear", "paths_read", "announce", "on_drift", "stream_key_part"})
      apply_throwing(where);
  }
}

TEST_F(SharedTable, CountsAreNotReplayedOntoRowsThatHoldThem) {
  run.options.clear = Clear::never;
  EXPECT_THAT(refusal(std::make_unique<Notes>()),
              HasSubstr("projection notes cannot be replayed without clearing: add on column \"n\" is not repeatable"));
  EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"}));
}

/// Says what the test tells it to.
class Declared : public Projector {
 public:
  explicit Declared(Declaration declaration) : Projector(std::move(declaration)) {}
  void handle(const Event&, Changes&) const override {}
};

TEST_F(SharedTable, EveryMistakeIsToldBeforeAnythingIsCleared) {
  ProjectorRegistry registry;
  registry.add(std::make_unique<Declared>(Projector::Declaration{
      .name = "one", .table = "counts", .key = {"kind", "id"}, .columns = {{"m", Operation::set}}, .events = {"*"}}));
  registry.add(std::make_unique<Declared>(
      Projector::Declaration{.name = "two", .table = "nowhere", .key = {"id"}, .events = {"*"}}));
  try {
    rebuild(run.options, registry, {});
    ADD_FAILURE() << "not refused";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("projector one: the table counts has no column \"m\""));
    EXPECT_THAT(error.what(), HasSubstr("projector two: there is no table \"nowhere\""));
  }
  EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"}));
}

TEST_F(SharedTable, PathsThatAreNoPointersAreRefused) {
  EXPECT_THAT(refusal(std::make_unique<Declared>(Projector::Declaration{.name = "notes",
                                                                        .table = "counts",
                                                                        .key = {"kind", "id"},
                                                                        .columns = {{"n", Operation::set}},
                                                                        .events = {"noted"},
                                                                        .payload = {.paths = {"n"}}})),
              AllOf(HasSubstr("notes"), HasSubstr("\"n\" is not a JSON Pointer")));
  EXPECT_EQ(rows(), (Lines{"calls|s|5", "notes|old|9"}));
}

TEST_F(SharedTable, AFileMayNotTakeAProjectorsName) {
  const Folder folder;
  folder.write("notes.toml",
               "name = \"notes\"\ntable = \"counts\"\nkey = [\"kind\", \"id\"]\n[[on]]\nevent = \"noted\"\n"
               "key = { kind = \"@type\", id = \"@stream_id\" }\nadd = { n = 1 }\n");
  run.options.projections_dir = folder.path();
  EXPECT_THAT(refusal(std::make_unique<Notes>()), HasSubstr("the name notes is taken by a projector of the program"));
}

}  // namespace
}  // namespace rebuild_projection::test

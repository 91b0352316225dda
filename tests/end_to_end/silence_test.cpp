// Without this file a rebuild could end well and say nothing where a path is misspelled, payloads are no objects, the
// store lacks an attribute, or a file that nobody selected is broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using Lines = std::vector<std::string>;

class Silence : public testing::Test {
 protected:
  Silence() : run(database) {
    database.create_event_store();
    database.execute("CREATE TABLE t (id text PRIMARY KEY, a text, b text, c text, n numeric NOT NULL DEFAULT 0)");
  }
  /// A projection of t: the lines after the key, of which the first is line 5 of its file.
  void project(const std::string& rules) { run.write_projection("t", "table = \"t\"\nkey = [\"id\"]\n#\n" + rules); }
  void append(const std::string& type, const std::string& payload) {
    ++number;
    database.append(number, number, type, "s" + std::to_string(number), payload);
  }
  /// Warnings of a run, but those of ANALYZE by a role that is no owner.
  Lines warnings(Mode mode, Strategy strategy = Strategy::in_place) {
    run.options.mode = mode;
    run.options.strategy = strategy;
    Lines result = run.apply().warnings;
    std::erase_if(result, [](const std::string& text) { return text.find("ANALYZE") != std::string::npos; });
    return result;
  }
  /// In every mode, the same.
  void expect_warnings(const testing::Matcher<const Lines&>& expected) {
    EXPECT_THAT(warnings(Mode::dry_run), expected) << "DRY_RUN";
    EXPECT_THAT(warnings(Mode::apply), expected) << "APPLY";
    EXPECT_THAT(warnings(Mode::apply, Strategy::shadow), expected) << "shadow";
    EXPECT_THAT(warnings(Mode::verify), expected) << "VERIFY";
  }

  Database database;
  InProcess run;
  std::uint64_t number = 0;
};

const std::string by_stream = "key = { id = \"@stream_id\" }\n";

TEST_F(Silence, PathsThatLedNowhereAreNamedWithTheirLines) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream +
          "set = { a = \"/costumer\", b = \"/customer\" }\nadd = { n = { path = \"/total * 2\", default = 1 } }\n");
  for (int event = 0; event < 3; ++event) append("placed", R"({"customer": "c", "total": 1})");
  append("other", R"({"costumer": "of another type"})");
  expect_warnings(ElementsAre(EndsWith(":8: the path \"/costumer\" led nowhere in all 3 events of this rule"),
                              EndsWith(":9: the path \"/total * 2\" led nowhere in all 3 events of this rule")));
}

TEST_F(Silence, IsNoneWhereAPathIsMissingNowAndThen) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream + "set = { a = \"/a\", b = \"/b\" }\n" +
          "[[on]]\nevent = \"never\"\n" + by_stream + "set = { c = \"/nowhere\" }\n");
  append("placed", R"({"a": null})");
  append("placed", R"({"b": 1})");
  append("placed", "{}");
  expect_warnings(IsEmpty());
}

TEST_F(Silence, IsBrokenForTheEventsThatARuleIsAbout) {
  // A path that other events of the type have; a condition's own path; and a rule that never applies reads nothing.
  project("[[on]]\nevent = \"placed\"\nwhen = { \"/kind\" = \"b\" }\n" + by_stream + "set = { a = \"/of_a\" }\n" +
          "[[on]]\nevent = \"placed\"\nwhen = { \"/knid\" = \"b\" }\n" + by_stream + "set = { b = \"/nowhere\" }\n");
  append("placed", R"({"kind": "a", "of_a": 1})");
  append("placed", R"({"kind": "b"})");
  expect_warnings(UnorderedElementsAre(EndsWith(":9: the path \"/of_a\" led nowhere in the only event of this rule"),
                                       EndsWith(":12: the path \"/knid\" led nowhere in all 2 events of this rule")));
}

TEST_F(Silence, IsBrokenForElementsToo) {
  project(
      "[[on]]\nevent = \"listed\"\nfor_each = \"/itmes/*\"\n" + by_stream + "set = { a = \"./a\" }\n" +
      "[[on]]\nevent = \"listed\"\nfor_each = \"/items/*\"\nkey = { id = \"./id\" }\nwhen = { \"./knid\" = { exists = "
      "false } }\nset = { a = \"./nowhere\", b = \"/whole\" }\n");
  append("listed", R"({"items": [{"id": 1}, {"id": 2}], "whole": "w"})");
  append("listed", R"({"items": []})");
  expect_warnings(
      UnorderedElementsAre(EndsWith(":7: the path \"/itmes/*\" led nowhere in all 2 events of this rule"),
                           EndsWith(":14: the path \"./knid\" led nowhere in all 2 elements of this rule"),
                           EndsWith(":15: the path \"./nowhere\" led nowhere in all 2 elements of this rule")));
}

TEST_F(Silence, IsBrokenForWhatAResumedRunReads) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream + "set = { a = \"/a\" }\n");
  append("placed", R"({"a": 1})");
  EXPECT_THAT(warnings(Mode::apply), IsEmpty());
  append("placed", R"({"renamed": 1})");
  append("placed", R"({"renamed": 1})");
  run.options.resume = true;
  EXPECT_THAT(warnings(Mode::apply), ElementsAre(EndsWith("led nowhere in all 2 events of this rule")));
}

/// Says what it reads, and reads it not.
class Reads : public Projector {
 public:
  Reads()
      : Projector({.name = "mine",
                   .table = "t",
                   .key = {"id"},
                   .columns = {{"a", Operation::set}},
                   .events = {"placed"},
                   .payload = {.paths = {"/a", "/b"}, .elements = {{"/l/*", {"/x", "/y"}}}}}) {}
  void handle(const Event& event, Changes& changes) const override {
    changes.upsert({event.stream_id()}).set("a", event.value("/a"));
  }
};

TEST_F(Silence, IsBrokenForProjectorsInCode) {
  append("placed", R"({"a": 1, "l": [{"x": 1}, {}]})");
  append("other", R"({"b": 1})");
  run.options.projections_dir.clear();
  for (const Mode mode : {Mode::dry_run, Mode::apply}) {
    ProjectorRegistry registry;
    registry.add(std::make_unique<Reads>());
    run.options.mode = mode;
    EXPECT_THAT(rebuild(run.options, registry, {}).warnings,
                AllOf(Contains("projection mine: the path \"/b\" led nowhere in the only event of the projection"),
                      Contains("projection mine: the path \"/l/*/y\" led nowhere in all 2 elements of the projection"),
                      Not(Contains(HasSubstr("\"/a\"")))));
  }
}

// ---- payloads

struct Store {
  std::string type;
  Payload payload;
  friend void PrintTo(const Store& store, std::ostream* out) { *out << store.type; }
};

class StrangePayloads : public Silence, public testing::WithParamInterface<Store> {
 protected:
  StrangePayloads() {
    database.execute("ALTER TABLE event_store ALTER payload DROP NOT NULL, ALTER payload TYPE " + GetParam().type +
                     " USING payload::text::" + GetParam().type);
    run.options.payload = GetParam().payload;
  }
};

TEST_P(StrangePayloads, AreCountedByKindAndTheFirstIsNamed) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream + "set = { a = \"/a\" }\n" + "[[on]]\nevent = \"closed\"\n" +
          by_stream + "set = { b = { literal = \"closed\" } }\n");
  append("placed", R"({"a": "plain"})");
  append("placed", R"("{\"a\": \"twice\"}")");
  append("placed", R"( "{\"a\": \"twice\"}")");
  append("placed", R"("text")");
  append("placed", R"([1, 2])");
  append("placed", "12");
  append("placed", "null");
  append("closed", "7");
  append("other", "7");
  database.execute("INSERT INTO event_store VALUES ('" + event_id(10) + "', '2025-01-02Z', 'placed', 'n', NULL)");
  const auto says = [&](const std::string& events, const std::string& kind, std::uint64_t first) {
    return Contains("projection t: the payload of " + events + " is " + kind +
                    " and no object, so none of its paths leads anywhere; the first is event " + event_id(first));
  };
  for (const Mode mode : {Mode::dry_run, Mode::apply, Mode::verify})
    EXPECT_THAT(warnings(mode),
                AllOf(says("2 events", "a JSON string that holds a document (a serializer that ran twice?)", 2),
                      says("1 event", "a JSON string", 4), says("1 event", "a JSON array", 5),
                      says("1 event", "a JSON number or boolean", 6), says("2 events", "null", 7), testing::SizeIs(5)));
}

TEST_P(StrangePayloads, AreNoneWhereSomethingIsReadInThem) {
  project("[[on]]\nevent = \"listed\"\n" + by_stream + "set = { a = \"/0/x\" }\n" + "[[on]]\nevent = \"whole\"\n" +
          by_stream + "set = { b = \"@payload\" }\n");
  append("listed", R"([{"x": 1}])");
  append("whole", R"("a text")");
  append("whole", "3");
  database.execute("INSERT INTO event_store VALUES ('" + event_id(99) + "', '2025-01-02Z', 'whole', 'w', NULL)");
  EXPECT_THAT(warnings(Mode::apply), IsEmpty());
  EXPECT_EQ(database.value("SELECT b FROM t WHERE id = 'w'"), "{}");
}

INSTANTIATE_TEST_SUITE_P(Stores, StrangePayloads,
                         testing::Values(Store{"jsonb", Payload::slim}, Store{"jsonb", Payload::whole},
                                         Store{"json", Payload::whole}, Store{"text", Payload::whole}),
                         [](const auto& one) {
                           return one.param.type + (one.param.payload == Payload::slim ? "Slim" : "Whole");
                         });

// ---- what the store and the files lack

TEST_F(Silence, AttributesThatTheStoreDoesNotMapAreNamed) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream + "[on.set]\na = \"@metadata\"\nb = \"@ts\"\n");
  append("placed", "{}");
  run.write_store({{"ts", "\"\""}, {"order", "[\"event_id\"]"}});
  expect_warnings(UnorderedElementsAre(
      AllOf(HasSubstr(".toml:9: no event has a value for \"@metadata\": the store event_store"),
            EndsWith("names no column for metadata")),
      AllOf(HasSubstr(".toml:10: no event has a value for \"@ts\""), EndsWith("names no column for ts"))));
}

TEST_F(Silence, AMistakeInAFileThatIsNotSelectedIsAWarning) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream + "set = { a = \"/a\" }\n");
  run.write_projection("other", "table = \"t\"\nkey = [\"id\"]\nevnt = 1\n");
  append("placed", R"({"a": 1})");
  run.options.projections = {"t"};
  expect_warnings(Contains(AllOf(HasSubstr(":4: there is no key \"evnt\""), EndsWith("; the file is not selected"))));
  for (const Lines& wanted : {Lines{"other"}, Lines{"t", "other"}, Lines{"all"}}) {
    run.options.projections = wanted;
    EXPECT_THAT(run.refusal(), AllOf(HasSubstr(":4: there is no key \"evnt\""), Not(HasSubstr("not selected"))));
  }
}

TEST_F(Silence, AFileWithoutAReadableNameMayBeTheOneThatIsMissing) {
  project("[[on]]\nevent = \"placed\"\n" + by_stream);
  const Folder folder;
  folder.write("good.toml", "name = \"t\"\ntable = \"t\"\nkey = [\"id\"]\n[[on]]\nevent = \"placed\"\n" + by_stream);
  folder.write("broken.toml", "name = \"u\"\n= 7\n");
  run.options.projections_dir = folder.path();
  run.options.projections = {"u"};
  EXPECT_THAT(run.refusal(), HasSubstr("broken.toml:2: this is not TOML"));
  run.options.projections = {"t"};
  EXPECT_THAT(warnings(Mode::apply), Contains(HasSubstr("broken.toml:2: this is not TOML")));
}

TEST_F(Silence, AKeyWithoutAValueNamesTypeLineAndPath) {
  project("[[on]]\nevent = \"placed\"\nkey = { id = \"/order_id\" }\nset = { a = \"/a\" }\n");
  append("placed", R"({"a": 1})");
  run.options.mode = Mode::apply;
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_THAT(
      report.ending_detail,
      AllOf(HasSubstr(event_id(1)), HasSubstr(".toml:7: key column \"id\" has no value: in an event of type "
                                              "\"placed\" \"/order_id\" leads nowhere (the rule begins in line 5)")));
}

}  // namespace
}  // namespace rebuild_projection::test

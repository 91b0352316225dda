// Without this a C++ projector that does not fit its table would fail in the middle of a rebuild, or write rows that
// depend on the batches.
#include "stages/apply/projector_binding.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/stages/apply/memory_rows.h"
#include "tests/stages/apply/sample_table.h"

namespace rebuild_projection::test {
namespace {

using Declaration = Projector::Declaration;
using Lines = std::vector<std::string>;

class Declared : public Projector {
 public:
  explicit Declared(Declaration declaration) : Projector(std::move(declaration)) {}
  void handle(const Event& event, Changes& changes) const override {
    changes.upsert({event.stream_id()}).set("label", event.value("/label")).add("amount", event.value("/amount"));
  }
  [[nodiscard]] std::optional<std::string> clear() const override { return "DELETE FROM app.t"; }
};

Declaration sample() {
  return {.name = "p",
          .version = 4,
          .table = "t",
          .key = {"id"},
          .columns = {{"label", Operation::set}, {"amount", Operation::add | Operation::set}},
          .events = {"noted"},
          .payload = {.paths = {"/label", "/amount"}}};
}

Lines mistakes_of(const Declaration& declaration, const CatalogueTable& table = sample_table()) {
  Lines mistakes;
  const Declared projector(declaration);
  const auto bound = bind_projector(projector, table, mistakes);
  EXPECT_EQ(bound == nullptr, !mistakes.empty());
  return mistakes;
}

Lines mistakes_of_columns(std::vector<Projector::Declaration::Write> columns) {
  Declaration declaration = sample();
  declaration.columns = std::move(columns);
  return mistakes_of(declaration);
}

void expect_mistake(const Lines& mistakes, const std::string& says) {
  ASSERT_EQ(mistakes.size(), 1U) << says << ::testing::PrintToString(mistakes);
  EXPECT_TRUE(mistakes[0].starts_with("projector p: ")) << mistakes[0];
  EXPECT_NE(mistakes[0].find(says), std::string::npos) << mistakes[0];
}

TEST(ProjectorBinding, KnowsTheTypesAndPassesTheRestOn) {
  Lines mistakes;
  const Declared projector(sample());
  const auto bound = bind_projector(projector, sample_table(), mistakes);
  ASSERT_NE(bound, nullptr) << ::testing::PrintToString(mistakes);
  EXPECT_EQ(bound->name(), "p");
  EXPECT_EQ(bound->version(), 4);
  EXPECT_EQ(bound->definition(), projector.definition());
  EXPECT_EQ(bound->not_repeatable(), "add on column \"amount\"");
  EXPECT_EQ(bound->clear(), "DELETE FROM app.t");
  EXPECT_TRUE(bound->handles("noted"));
  EXPECT_FALSE(bound->handles("other"));
  EXPECT_EQ(bound->table().key.at(0).type, ColumnType::text);
  EXPECT_EQ(bound->table().columns.at(1).type, ColumnType::numeric);
  EXPECT_EQ(bound->table().columns.at(1).scale, 2);
}

TEST(ProjectorBinding, HandlesEventsWithTheColumnsTypes) {
  Lines mistakes;
  const Declared projector(sample());
  const auto bound = bind_projector(projector, sample_table(), mistakes);
  ASSERT_NE(bound, nullptr);
  MemoryRows rows;
  handle(*bound, {.type = "noted", .values = {{"/label", text("a")}, {"/amount", number("0.125")}}}, rows);
  handle(*bound, {.type = "noted", .values = {{"/amount", number("1")}}}, rows);
  EXPECT_EQ(rows, (MemoryRows{{{"s1"}, {{"label", "a"}, {"amount", "1.13"}}}}));
}

TEST(ProjectorBinding, RefusesWhatADeclarationLacks) {
  Declaration declaration = sample();
  declaration.events.clear();
  expect_mistake(mistakes_of(declaration), "it names no event types; \"*\" stands for all");
  declaration = sample();
  declaration.version = 0;
  expect_mistake(mistakes_of(declaration), "its version must be a whole number from 1 on");
  declaration = sample();
  declaration.version = 0;
  expect_mistake(mistakes_of(declaration), "its version must be a whole number from 1 on");
  declaration = sample();
  declaration.payload.paths.emplace_back("amount");
  expect_mistake(mistakes_of(declaration), "the path \"amount\" is not a JSON Pointer");
  declaration.payload = {.elements = {{"/panel/*", {"", "user_id"}}}};
  expect_mistake(mistakes_of(declaration), "the path \"user_id\" is not a JSON Pointer");
  declaration.payload = {.elements = {{"panel/*", {""}}}};
  expect_mistake(mistakes_of(declaration), "the path \"panel/*\" is not a JSON Pointer");
  declaration = sample();
  declaration.key = {"id", "id"};
  expect_mistake(mistakes_of(declaration), "a key column is named twice");
  declaration.key.clear();
  const Lines without_key = mistakes_of(declaration);
  ASSERT_FALSE(without_key.empty());
  EXPECT_EQ(without_key[0], "projector p: it names no key columns");
}

TEST(ProjectorBinding, RefusesPathsThatAreNoPointers) {
  Declaration declaration = sample();
  declaration.payload = {.paths = {"", "/a", "a"}, .elements = {{"list/*", {"/x", ""}}, {"/list/*", {"x"}}}};
  const Lines mistakes = mistakes_of(declaration);
  ASSERT_EQ(mistakes.size(), 3U) << ::testing::PrintToString(mistakes);
  EXPECT_EQ(mistakes[0], "projector p: the path \"a\" is not a JSON Pointer: it must be empty or begin with /");
  EXPECT_NE(mistakes[1].find("\"list/*\""), std::string::npos);
  EXPECT_NE(mistakes[2].find("\"x\""), std::string::npos);
}

TEST(ProjectorBinding, RefusesColumnsThatDoNotFit) {
  expect_mistake(mistakes_of_columns({{"lable", Operation::set}}), "did you mean \"label\"?");
  expect_mistake(mistakes_of_columns({{"label", Operation::set}, {"label", Operation::init}}),
                 "the column \"label\" is named twice, or is a key column");
  expect_mistake(mistakes_of_columns({{"id", Operation::set}}), "the column \"id\" is named twice, or is a key column");
  expect_mistake(mistakes_of_columns({{"label", {}}}), "the column \"label\" has no operation");
  expect_mistake(mistakes_of_columns({{"generated", Operation::set}}), "generated by the database");
  expect_mistake(mistakes_of_columns({{"numbered", Operation::set}}), "identity");
  expect_mistake(mistakes_of_columns({{"n", {}}}), "the column \"n\" has no operation");
  expect_mistake(mistakes_of_columns({{"n", Operation::add | Operation::max}}),
                 "the column \"n\" stands under \"add\" and \"max\", of which it can have one");
  expect_mistake(mistakes_of_columns({{"label", Operation::add}}), "add needs an integer or numeric column");
  expect_mistake(mistakes_of_columns({{"ratio", Operation::add}}), "is not exact");
  expect_mistake(mistakes_of_columns({{"label", Operation::set | Operation::min}}), "min needs a column of numbers");
  expect_mistake(mistakes_of_columns({{"uid", Operation::max}}), "max needs a column of numbers");
  expect_mistake(mistakes_of_columns({{"label", Operation::append}}), "append needs an array column");
  expect_mistake(mistakes_of_columns({{"counted", Operation::init}}), "needs a column that begins as NULL");
}

TEST(ProjectorBinding, RefusesKeysThatCannotBeOne) {
  Declaration declaration = sample();
  declaration.columns = {{"n", Operation::set}};
  for (const auto& [key, says] : std::vector<std::pair<Lines, std::string>>{
           {{"fixed"}, "cannot be a key"},
           {{"loose"}, "nondeterministic collation"},
           {{"short_at"}, "rounds its values"},
           {{"ids"}, "has no column \"ids\""},
           {{"id", "uid"}, "no plain unique index of the table t has exactly the key columns"}}) {
    declaration.key = key;
    expect_mistake(mistakes_of(declaration), says);
  }
}

TEST(ProjectorBinding, TellsAllMistakesAtOnce) {
  const Lines mistakes = mistakes_of({.name = "p",
                                      .table = "t",
                                      .key = {"ids"},
                                      .columns = {{"lable", Operation::set},
                                                  {"label", Operation::add},
                                                  {"n", Operation::min | Operation::append},
                                                  {"n", Operation::set}}});
  for (const char* says : {"it names no event types", "no column \"ids\"", "no column \"lable\"", "add needs",
                           "\"n\" stands under \"min\" and \"append\"", "append needs", "\"n\" is named twice"})
    EXPECT_TRUE(std::any_of(mistakes.begin(), mistakes.end(),
                            [&](const std::string& one) { return one.find(says) != std::string::npos; }))
        << says << ::testing::PrintToString(mistakes);
  EXPECT_EQ(mistakes.size(), 7U) << ::testing::PrintToString(mistakes);
}

}  // namespace
}  // namespace rebuild_projection::test

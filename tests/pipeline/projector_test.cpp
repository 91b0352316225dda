// Without these tests --projection could select the wrong projections, or one twice; a checkpoint could be continued
// by a projector that means something else; and a projector could read a value that is not the one it named.
#include "pipeline/projector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

class Named : public Projector {
 public:
  explicit Named(const std::string& name) : Projector({.name = name}) {}
  void handle(const Event&, Changes&) const override {}
};

ProjectorRegistry registry_of(const std::vector<std::string>& names) {
  ProjectorRegistry registry;
  for (const std::string& name : names) registry.add(std::make_unique<Named>(name));
  return registry;
}

std::vector<std::string> selected(const ProjectorRegistry& registry, const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const Projector* projector : registry.select(names)) result.push_back(projector->name());
  return result;
}

std::string error_of(const ProjectorRegistry& registry, const std::vector<std::string>& names) {
  try {
    static_cast<void>(registry.select(names));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ProjectorRegistry, SelectsInRegistryOrderEachOnce) {
  const ProjectorRegistry registry = registry_of({"b", "a", "c"});
  using Names = std::vector<std::string>;
  EXPECT_EQ(registry.names(), (Names{"b", "a", "c"}));
  EXPECT_EQ(selected(registry, {"c", "b", "c"}), (Names{"b", "c"}));
  EXPECT_EQ(selected(registry, {"all"}), (Names{"b", "a", "c"}));
  EXPECT_EQ(selected(registry, {"a", "all"}), (Names{"b", "a", "c"}));
  EXPECT_EQ(selected(registry, {}), Names{});
}

TEST(ProjectorRegistry, FindsByName) {
  const ProjectorRegistry registry = registry_of({"a", "b"});
  ASSERT_NE(registry.find("b"), nullptr);
  EXPECT_EQ(registry.find("b")->name(), "b");
  EXPECT_EQ(registry.find("B"), nullptr);
}

TEST(ProjectorRegistry, ListsTheNamesWhereOneIsUnknown) {
  const ProjectorRegistry registry = registry_of({"candidates", "leads"});
  EXPECT_EQ(error_of(registry, {"leads", "lead"}),
            "There is no projection named \"lead\"; there are: candidates, leads.");
  EXPECT_EQ(error_of(ProjectorRegistry(), {"x"}), "There is no projection named \"x\"; there are none at all.");
}

TEST(ProjectorRegistry, RefusesNamesThatCannotBeSaid) {
  ProjectorRegistry registry;
  for (const char* name : {"", "all", "a,b", "a b", "a\t", "\n", "\x7f"})
    EXPECT_THROW(registry.add(std::make_unique<Named>(name)), UsageError) << name;
  for (const char* name : {"All", "a.b", "a-b", "é", "\"a\""}) registry.add(std::make_unique<Named>(name));
  EXPECT_EQ(registry.names().size(), 5U);
}

TEST(ProjectorRegistry, RefusesANameTwice) {
  ProjectorRegistry registry = registry_of({"a"});
  EXPECT_THROW(registry.add(std::make_unique<Named>("a")), UsageError);
  EXPECT_EQ(registry.names().size(), 1U);
}

// ---- what a projector says of itself

using Declaration = Projector::Declaration;

class Declared : public Projector {
 public:
  explicit Declared(Declaration declaration) : Projector(std::move(declaration)) {}
  void handle(const Event&, Changes&) const override {}
};

Declaration sample() {
  return {.name = "p",
          .version = 2,
          .table = "s.t",
          .key = {"a", "b"},
          .columns = {{"x", Operation::set}, {"y", Operation::set | Operation::init}},
          .events = {"one", "two"},
          .payload = {.paths = {"/x", "/y"}, .elements = {{"/l/*", {"", "/z"}}, {"/m/*", {"/z"}}}}};
}

using Edit = std::function<void(Declaration&)>;

std::string definition_after(const Edit& edit) {
  Declaration declaration = sample();
  edit(declaration);
  return Declared(declaration).definition();
}

TEST(Definition, DiffersWithEachPartOfTheDeclaration) {
  const std::vector<Edit> edits{
      [](Declaration&) {},
      [](Declaration& d) { d.name = "q"; },
      [](Declaration& d) { d.version = 3; },
      [](Declaration& d) { d.table = "t"; },
      [](Declaration& d) { d.key = {"a"}; },
      [](Declaration& d) { std::swap(d.key[0], d.key[1]); },  // the parts are told apart by their place
      [](Declaration& d) { d.key = {"a\" \"b"}; },
      [](Declaration& d) { d.columns.pop_back(); },
      [](Declaration& d) { d.columns[0].column = "z"; },
      [](Declaration& d) { d.columns[0].operations = Operation::init; },
      [](Declaration& d) { d.columns[0].operations |= Operation::add; },
      [](Declaration& d) { d.columns[0].operations |= Operation::append; },
      [](Declaration& d) { d.updates = true; },
      [](Declaration& d) { d.events.pop_back(); },
      [](Declaration& d) { d.events.emplace_back("*"); },
      [](Declaration& d) { d.events = {"one\" \"two"}; },
      [](Declaration& d) { d.payload.paths.pop_back(); },
      [](Declaration& d) { d.payload.paths[0] = "/X"; },
      [](Declaration& d) { d.payload.elements.pop_back(); },
      [](Declaration& d) { d.payload.elements[0].pattern = "/k/*"; },
      [](Declaration& d) { d.payload.elements[0].paths.pop_back(); },
      [](Declaration& d) { d.payload.elements[1].paths.insert(d.payload.elements[1].paths.begin(), ""); },
  };
  std::set<std::string> different;
  for (const Edit& edit : edits) different.insert(definition_after(edit));
  EXPECT_EQ(different.size(), edits.size()) << ::testing::PrintToString(different);
}

TEST(Definition, IsTheSameInAnotherOrder) {
  EXPECT_EQ(definition_after([](Declaration& d) {
              std::reverse(d.columns.begin(), d.columns.end());
              std::reverse(d.events.begin(), d.events.end());
              std::reverse(d.payload.paths.begin(), d.payload.paths.end());
              std::reverse(d.payload.elements.begin(), d.payload.elements.end());
              std::reverse(d.payload.elements[1].paths.begin(), d.payload.elements[1].paths.end());
              d.columns[0].operations = Operation::init | Operation::set;
            }),
            Declared(sample()).definition());
}

TEST(Definition, MayBeTheProjectorsOwn) {
  EXPECT_EQ(definition_after([](Declaration& d) { d.definition = "mine"; }), "mine");
}

std::string obstacle_after(const Edit& edit) {
  Declaration declaration = sample();
  edit(declaration);
  return Declared(declaration).not_repeatable();
}

TEST(NotRepeatable, IsSaidOfWhatCountsTwice) {
  EXPECT_EQ(obstacle_after([](Declaration&) {}), "");
  for (const Operation one : {Operation::set, Operation::init, Operation::min, Operation::max})
    EXPECT_EQ(obstacle_after([&](Declaration& d) { d.columns[1].operations = one; }), "");
  EXPECT_EQ(obstacle_after([](Declaration& d) { d.columns[1].operations = Operation::add | Operation::set; }),
            "add on column \"y\"");
  EXPECT_EQ(obstacle_after([](Declaration& d) { d.columns[0].operations = Operation::append; }),
            "append on column \"x\"");
  EXPECT_EQ(obstacle_after([](Declaration& d) { d.updates = true; }), "changing existing rows only");
  EXPECT_EQ(obstacle_after([](Declaration& d) { d.not_repeatable = "asks the moon"; }), "asks the moon");
}

TEST(Projector, HandlesTheTypesItNames) {
  const Declared named(sample());
  EXPECT_TRUE(named.handles("one"));
  EXPECT_TRUE(named.handles("two"));
  for (const char* other : {"", "*", "One", "one ", "three"}) EXPECT_FALSE(named.handles(other)) << other;
  const Declared every({.name = "e", .events = {"b", "*", "a", "b"}});
  EXPECT_TRUE(every.handles("anything"));
  EXPECT_EQ(every.event_types(), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(Declared({.name = "n"}).handles("a"));
}

TEST(Projector, LaysItsTableOutAsDeclared) {
  Declaration declaration = sample();
  declaration.updates = true;
  const Declared projector(declaration);
  const TableLayout& table = projector.table();
  EXPECT_EQ(table.name, "s.t");
  EXPECT_TRUE(table.updates);
  ASSERT_EQ(table.key.size(), 2U);
  EXPECT_EQ(table.key[1].name, "b");
  ASSERT_EQ(table.column_index("y"), 1U);
  EXPECT_TRUE(table.columns[1].operations.has(Operation::init));
  EXPECT_FALSE(table.columns[0].operations.has(Operation::init));
  EXPECT_EQ(projector.clear(), std::nullopt);
}

// ---- what it sees of an event

TEST(Event, GivesValuesByPathAndByIndex) {
  const Extraction extraction{.paths = {"/a", "", "/a/b"}};
  const std::array values{Json{Json::Kind::string, "first"}, Json{Json::Kind::object, "{}"}, Json{}};
  const StoredEvent stored{"id", std::nullopt, "type", std::nullopt, "{}", std::nullopt, {}};
  const Event event(stored, extraction, values, {});
  EXPECT_EQ(event.value("/a").text, "first");
  EXPECT_EQ(event.value("").kind, Json::Kind::object);
  EXPECT_EQ(event.value("/a/b").kind, Json::Kind::missing);
  for (std::size_t index = 0; index < values.size(); ++index)
    EXPECT_EQ(&event.value(index), &event.value(extraction.paths[index]));
  try {
    static_cast<void>(event.value("/b"));
    ADD_FAILURE() << "a path that is not declared has a value";
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "the projector reads \"/b\" and does not declare that path");
  }
  EXPECT_THROW(static_cast<void>(event.value("/A")), std::logic_error);
}

TEST(Event, SaysWhatTheStoreHas) {
  const Extraction nothing;
  const StoredEvent full{"id", "2025-02-01 00:00:00+00", "type", "stream", "{}", "{\"by\":1}", {}};
  const Event event(full, nothing, {}, {});
  EXPECT_EQ(event.event_id().text, "id");
  EXPECT_EQ(event.type(), "type");
  EXPECT_EQ(event.ts().text, "2025-02-01 00:00:00+00");
  EXPECT_EQ(event.stream_id().text, "stream");
  EXPECT_EQ(event.stream_id().kind, Json::Kind::string);
  EXPECT_EQ(event.metadata().text, "{\"by\":1}");

  const StoredEvent bare{"id", std::nullopt, "type", std::nullopt, "{}", std::nullopt, {}};
  const Event without(bare, nothing, {}, {});
  EXPECT_EQ(without.ts().kind, Json::Kind::null);
  EXPECT_EQ(without.metadata().kind, Json::Kind::null);
  EXPECT_THROW(static_cast<void>(without.stream_id()), EventError);
}

TEST(Event, GivesColumnsOfTheirTypeWhatTheStoreSent) {
  using Form = StoredValue::Form;
  constexpr std::string_view uuid("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);
  constexpr std::string_view moment("\0\0\0\0\0\0\0\0", 8);
  const Extraction nothing;
  for (const Form time : {Form::timestamptz, Form::timestamp}) {
    const StoredEvent stored{{Form::uuid, uuid}, {time, moment}, "type", {Form::uuid, uuid}, "{}", std::nullopt, {}};
    const Event event(stored, nothing, {}, {});
    EXPECT_EQ(event.event_id().text, "00010203-0405-0607-0809-0a0b0c0d0e0f");
    EXPECT_EQ(event.stream_id().text, event.event_id().text);
    EXPECT_EQ(event.ts().text, time == Form::timestamptz ? "2000-01-01 00:00:00+00" : "2000-01-01 00:00:00");
    EXPECT_EQ(event.event_id(ColumnType::uuid).kind, Json::Kind::uuid);
    EXPECT_EQ(event.stream_id(ColumnType::uuid).text, uuid);
    EXPECT_EQ(event.ts(ColumnType::timestamp).kind, Json::Kind::moment);
    EXPECT_EQ(event.ts(ColumnType::timestamp).text, moment);
    EXPECT_EQ(event.stream_id(ColumnType::timestamp).kind, Json::Kind::string);
    EXPECT_EQ(event.ts(ColumnType::uuid).kind, Json::Kind::string);
    EXPECT_EQ(event.metadata().kind, Json::Kind::null);
  }
}

TEST(Position, IsWrittenWithCommas) {
  EXPECT_EQ(to_string(Position{"2025-02-01 00:00:00+00", "7"}), "2025-02-01 00:00:00+00, 7");
  EXPECT_EQ(to_string(Position{"7"}), "7");
  EXPECT_EQ(to_string(Position{}), "");
}

}  // namespace
}  // namespace rebuild_projection

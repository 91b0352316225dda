// Without this a projection file could be read well and still write other rows than it says.
#include "stages/apply/file_projector.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/error.h"
#include "stages/parse/json_parser.h"
#include "tests/stages/apply/memory_rows.h"
#include "tests/stages/apply/sample_table.h"
#include "tests/support/pages.h"

namespace rebuild_projection {
namespace {

using test::bind_text;
using test::boolean;
using test::handle;
using test::MemoryEvent;
using test::MemoryRow;
using test::MemoryRows;
using test::null;
using test::number;
using test::text;

const std::string head = "name = \"p\"\ntable = \"t\"\nkey = [\"id\"]\n";

/// A file with one rule for events of type x.
std::unique_ptr<Projector> one_rule(const std::string& body) {
  return bind_text(head + "[[on]]\nevent = \"x\"\nkey = { id = \"@stream_id\" }\n" + body);
}

/// The row that one event makes of nothing.
MemoryRow row_of(const Projector& projector, const MemoryEvent& event) {
  MemoryRows rows;
  handle(projector, event, rows);
  EXPECT_EQ(rows.size(), 1U);
  return rows.empty() ? MemoryRow{} : rows.begin()->second;
}

TEST(FileProjector, FollowsTheRulesOfAReadModel) {
  const auto projector = bind_text(head + R"(
[[on]]
event = "created"
key   = { id = "@stream_id" }
init  = { at = "@ts" }
set   = { word = "/name", label = { literal = "sourced" } }

[[on]]
event = "moved"
rows  = "update"
key   = { id = "@stream_id" }
set   = { label = "/stage" }
add   = { n = 1, amount = "/fee" }

[[on]]
event = "moved"
when  = { "/stage" = "hired" }
key   = { id = "@stream_id" }
set   = { local_at = "@ts" }

[[on]]
event  = "erased"
key    = { id = "@stream_id" }
delete = true
)");
  MemoryRows rows;
  handle(*projector, {"moved", {{"/stage", text("early")}}}, rows);
  EXPECT_EQ(rows, MemoryRows{}) << "an update must not create a row";
  handle(*projector, {"created", {{"/name", text("Ann")}}}, rows);
  const std::string ts = "2025-02-01 00:00:00+00";
  EXPECT_EQ(rows, (MemoryRows{{{"s1"}, {{"at", ts}, {"word", "Ann"}, {"label", "sourced"}}}}));
  handle(*projector, {"moved", {{"/stage", text("offer")}, {"/fee", number("1.50")}}}, rows);
  handle(*projector, {"moved", {{"/stage", text("hired")}, {"/fee", number("0.25")}}}, rows);
  EXPECT_EQ(
      rows,
      (MemoryRows{
          {{"s1"},
           {{"at", ts}, {"word", "Ann"}, {"label", "hired"}, {"n", "2"}, {"amount", "1.75"}, {"local_at", ts}}}}));
  handle(*projector, {"other"}, rows);
  EXPECT_EQ(rows.size(), 1U);
  handle(*projector, {"erased"}, rows);
  EXPECT_EQ(rows, MemoryRows{});
}

TEST(FileProjector, WritesEveryKindOfValue) {
  const auto projector = one_rule(R"(
[on.set]
n          = 7
m          = { literal = 8 }
any_number = 1.50
amount     = { literal = "0.10" }
flag       = true
word       = { literal = "@ts" }
label      = "/a~1b"
doc        = "/o"
)");
  EXPECT_EQ(row_of(*projector, {"x", {{"/a~1b", text("t")}, {"/o", {Json::Kind::object, "{\"k\":1}"}}}}),
            (MemoryRow{{"n", "7"},
                       {"m", "8"},
                       {"any_number", "1.5"},
                       {"amount", "0.10"},
                       {"flag", "true"},
                       {"word", "@ts"},
                       {"label", "t"},
                       {"doc", "{\"k\":1}"}}));
}

TEST(FileProjector, KnowsTheAttributes) {
  const auto projector = one_rule(
      "set = { at = \"@ts\", word = \"@type\", label = \"@event_id\", loose = \"@position\", doc = \"@payload\", mood "
      "= \"@metadata\" }\n");
  MemoryEvent event{"x", {{"", {Json::Kind::object, "{}"}}}};
  event.position = {"2025-02-01 00:00:00+00", "7"};
  event.metadata = "meta";
  EXPECT_EQ(row_of(*projector, event), (MemoryRow{{"at", "2025-02-01 00:00:00+00"},
                                                  {"word", "x"},
                                                  {"label", "e1"},
                                                  {"loose", "2025-02-01 00:00:00+00, 7"},
                                                  {"doc", "{}"},
                                                  {"mood", "meta"}}));
  MemoryRows rows = {{{"s1"}, {{"at", "old"}, {"mood", "old"}}}};
  event.ts = std::nullopt;
  event.metadata = std::nullopt;
  handle(*projector, event, rows);
  EXPECT_FALSE(rows[{"s1"}].contains("at")) << "an absent time is null, and null is written";
  EXPECT_FALSE(rows[{"s1"}].contains("mood"));
}

TEST(FileProjector, NeedsTheStreamIdItReads) {
  const auto projector = one_rule("set = { n = 1 }\n");
  MemoryRows rows;
  MemoryEvent event{"x"};
  event.stream_id = std::nullopt;
  EXPECT_THROW(handle(*projector, event, rows), EventError);
  EXPECT_EQ(rows, MemoryRows{});
}

TEST(FileProjector, TellsMissingFromNull) {
  const auto projector = one_rule(
      "set = { word = \"/w\", label = { path = \"/l\", default = \"d\" }, loose = { path = \"/m\", default = \"d\" } "
      "}\n");
  MemoryRows rows = {{{"s1"}, {{"word", "old"}, {"label", "old"}, {"loose", "old"}}}};
  handle(*projector, {"x", {{"/l", null()}}}, rows);
  EXPECT_EQ(rows, (MemoryRows{{{"s1"}, {{"word", "old"}, {"loose", "d"}}}}));
  handle(*projector, {"x", {{"/w", null()}, {"/l", text("given")}, {"/m", boolean(true)}}}, rows);
  EXPECT_EQ(rows, (MemoryRows{{{"s1"}, {{"label", "given"}, {"loose", "true"}}}}));
}

TEST(FileProjector, CombinesUnderEveryOperation) {
  const auto projector = one_rule(
      "init = { word = \"/w\" }\nadd = { n = { path = \"/n\", default = 10 } }\nmin = { m = \"/v\", at = \"@ts\" }\n"
      "max = { ratio = \"/v\", local_at = \"@ts\" }\nappend = { tags = \"/w\" }\n");
  MemoryRows rows;
  MemoryEvent event{"x", {{"/w", text("a")}, {"/n", number("1")}, {"/v", number("5")}}};
  handle(*projector, event, rows);
  event.values = {{"/w", text("b")}, {"/v", number("3")}};
  event.ts = "2025-03-01 00:00:00+00";
  handle(*projector, event, rows);
  EXPECT_EQ(rows, (MemoryRows{{{"s1"},
                               {{"word", "a"},
                                {"n", "11"},
                                {"m", "3"},
                                {"ratio", "5"},
                                {"at", "2025-02-01 00:00:00+00"},
                                {"local_at", "2025-03-01 00:00:00+00"},
                                {"tags", "+a+b"}}}}));
}

TEST(FileProjector, CreatesItsRowEvenIfEveryValueIsMissing) {
  EXPECT_EQ(row_of(*one_rule("set = { word = \"/w\" }\n"), {"x"}), MemoryRow{});
  EXPECT_EQ(row_of(*one_rule(""), {"x"}), MemoryRow{});
}

TEST(FileProjector, RefusesAKeyWithoutValue) {
  const auto projector = bind_text(head + "[[on]]\nevent = \"x\"\nkey = { id = \"/id\" }\n");
  MemoryRows rows;
  EXPECT_THROW(handle(*projector, {"x"}, rows), EventError);
  EXPECT_THROW(handle(*projector, {"x", {{"/id", null()}}}, rows), EventError);
  EXPECT_EQ(rows, MemoryRows{});
}

TEST(FileProjector, KeepsTheOrderOfTheKeyOfTheFile) {
  CatalogueTable table = test::sample_table();
  table.indexes.push_back({"both", {"id", "word"}, true, false, true, true});
  const auto projector = bind_text(
      "name = \"p\"\ntable = \"t\"\nkey = [\"word\", \"id\"]\n[[on]]\nevent = \"x\"\nkey = { id = \"/i\", word = "
      "\"/w\" }\n",
      table);
  EXPECT_EQ(projector->table().key.at(0).name, "word");
  MemoryRows rows;
  handle(*projector, {"x", {{"/i", text("1")}, {"/w", text("2")}}}, rows);
  EXPECT_EQ(rows, (MemoryRows{{{"2", "1"}, {}}}));
}

TEST(FileProjector, NamesThePathOfAnUnreadableValueAndNotTheValue) {
  const Json broken{Json::Kind::invalid, "a lone surrogate"};
  for (const char* body : {"set = { word = \"/w\" }\n", "when = { \"/w\" = { exists = true } }\n",
                           "when = { \"/w\" = 1 }\n", "set = { word = { path = \"/w\", default = 1 } }\n"}) {
    MemoryRows rows;
    try {
      handle(*one_rule(body), {"x", {{"/w", broken}}}, rows);
      ADD_FAILURE() << body;
    } catch (const EventError& error) {
      EXPECT_STREQ(error.what(), "the value at \"/w\" cannot be read: a lone surrogate") << body;
    }
  }
}

TEST(FileProjector, RunsRulesInTheOrderOfTheFileEachSeeingTheEarlierOnes) {
  const auto projector = bind_text(head + R"(
[[on]]
event = "*"
key   = { id = "@stream_id" }
set   = { word = { literal = "first" }, label = { literal = "first" } }
[[on]]
event = ["x", "y"]
key   = { id = "@stream_id" }
set   = { word = { literal = "second" } }
[[on]]
event = "*"
when  = { "@type" = "x" }
key   = { id = "@stream_id" }
set   = { word = { literal = "third" } }
[[on]]
event  = "y"
key    = { id = "@stream_id" }
delete = true
[[on]]
event = "y"
rows  = "update"
key   = { id = "@stream_id" }
set   = { word = { literal = "never" } }
[[on]]
event = "z"
key   = { id = "@stream_id" }
delete = true
[[on]]
event = "z"
key   = { id = "@stream_id" }
set   = { loose = { literal = "again" } }
)");
  EXPECT_EQ(row_of(*projector, {"x"}), (MemoryRow{{"word", "third"}, {"label", "first"}}));
  EXPECT_EQ(row_of(*projector, {"any"}), (MemoryRow{{"word", "first"}, {"label", "first"}}));
  MemoryRows rows = {{{"s1"}, {{"n", "1"}}}};
  handle(*projector, {"y"}, rows);
  EXPECT_EQ(rows, MemoryRows{});
  rows = {{{"s1"}, {{"n", "1"}}}};
  handle(*projector, {"z"}, rows);
  EXPECT_EQ(rows, (MemoryRows{{{"s1"}, {{"loose", "again"}}}}));
  EXPECT_EQ(projector->event_types(), (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_TRUE(projector->handles("any"));
}

TEST(FileProjector, HandlesOnlyTheTypesItNames) {
  const auto projector = bind_text(head + "[[on]]\nevent = [\"b\", \"a\"]\nkey = { id = \"/a\" }\n");
  EXPECT_TRUE(projector->handles("a"));
  EXPECT_TRUE(projector->handles("b"));
  EXPECT_FALSE(projector->handles("c"));
  EXPECT_FALSE(projector->handles("*"));
  EXPECT_EQ(projector->event_types(), (std::vector<std::string>{"a", "b"}));
}

const char* const nested = R"(
[[on]]
event    = "x"
for_each = "/orders/*/lines/*"
when     = { "./kind" = "sold", "/open" = true }
key      = { id = "./sku" }
set      = { word = "@1", label = "@2", loose = "/top", doc = "." }
add      = { n = "./count" }
)";

TEST(FileProjector, GoesThroughTheElementsInOrder) {
  const auto projector = bind_text(head + nested);
  const std::string pattern = "/orders/*/lines/*";
  const auto element = [](std::string first, std::string second, const char* kind, const char* sku, const char* count) {
    return test::MemoryElement{
        {std::move(first), std::move(second)},
        {{"/kind", text(kind)}, {"/sku", text(sku)}, {"/count", number(count)}, {"", text(count)}}};
  };
  MemoryEvent event{"x", {{"/open", boolean(true)}, {"/top", text("t")}}};
  event.elements[pattern] = {element("a", "0", "sold", "s1", "2"), element("a", "1", "lost", "s1", "50"),
                             element("b", "0", "sold", "s2", "3"), element("b", "1", "sold", "s1", "4")};
  MemoryRows rows;
  handle(*projector, event, rows);
  const MemoryRows expected = {{{"s1"}, {{"word", "b"}, {"label", "1"}, {"loose", "t"}, {"n", "6"}, {"doc", "4"}}},
                               {{"s2"}, {{"word", "b"}, {"label", "0"}, {"loose", "t"}, {"n", "3"}, {"doc", "3"}}}};
  EXPECT_EQ(rows, expected);
  event.values["/open"] = boolean(false);
  handle(*projector, event, rows);
  EXPECT_EQ(rows, expected) << "a condition on the event holds for all of its elements or for none";
  event.elements.clear();
  event.values["/open"] = boolean(true);
  handle(*projector, event, rows);
  EXPECT_EQ(rows, expected);
}

TEST(FileProjector, AsksForEveryPathOnce) {
  const auto projector = bind_text(head + nested + R"(
[[on]]
event    = "y"
for_each = "/orders/*/lines/*"
when     = { "/open" = true, "@1" = "a" }
key      = { id = "./sku" }
set      = { doc = "@payload", word = { path = "./w", default = "" }, loose = "/top" }
[[on]]
event    = "y"
for_each = "/*"
key      = { id = "@1" }
)");
  const auto sorted = [](std::vector<std::string> paths) {
    std::sort(paths.begin(), paths.end());
    return paths;
  };
  const Extraction& extraction = projector->extraction();
  EXPECT_EQ(sorted(extraction.paths), (std::vector<std::string>{"", "/open", "/top"}));
  ASSERT_EQ(extraction.elements.size(), 2U);
  EXPECT_EQ(extraction.elements[0].pattern, "/orders/*/lines/*");
  EXPECT_EQ(sorted(extraction.elements[0].paths), (std::vector<std::string>{"", "/count", "/kind", "/sku", "/w"}));
  EXPECT_EQ(extraction.elements[1].pattern, "/*");
  EXPECT_TRUE(extraction.elements[1].paths.empty());
}

TEST(FileProjector, SaysWhyItCannotBeReplayed) {
  const std::string key = "key = { id = \"/a\" }\n";
  const auto why = [&](const std::string& rules) { return bind_text(head + rules)->not_repeatable(); };
  const std::string repeatable = "[[on]]\nevent = \"x\"\n" + key +
                                 "set = { word = \"/a\" }\ninit = { label = \"/a\" }\nmin = { n = 1 }\n" +
                                 "[[on]]\nevent = \"y\"\n" + key + "delete = true\n";
  EXPECT_EQ(why(repeatable), "");
  EXPECT_EQ(why(repeatable + "[[on]]\nevent = \"x\"\n" + key + "set = { loose = 1 }\nadd = { m = 1 }\n"),
            "p.toml:18: add");
  EXPECT_EQ(why(repeatable + "[[on]]\nevent = \"x\"\n" + key + "append = { tags = 1 }\n"), "p.toml:17: append");
  EXPECT_EQ(why(repeatable + "[[on]]\nevent = \"x\"\n" + key + "set = { loose = 1 }\nrows = \"update\"\n"),
            "p.toml:18: rows = \"update\"");
}

TEST(FileProjector, HasNameAndVersion) {
  EXPECT_EQ(one_rule("")->name(), "p");
  EXPECT_EQ(one_rule("")->version(), 1);
  EXPECT_EQ(bind_text("version = 7\n" + head + "[[on]]\nevent = \"x\"\nkey = { id = \"/a\" }\n")->version(), 7);
}

/// The whole way from a payload's text: the parser must understand paths as this stage writes them.
TEST(FileProjector, ReadsPayloadsThroughTheParser) {
  const auto projector = bind_text(head + R"(
[[on]]
event = "x"
key   = { id = "/a~1b/0" }
set   = { doc = "@payload", word = "/*", label = { path = "/none", default = "d" } }
[[on]]
event    = "y"
for_each = "/panel/*"
key      = { id = "./user" }
set      = { word = "@1", doc = "." }
)");
  const auto parser = make_json_parser({projector.get()}, PayloadFormat::jsonb);
  const Page page =
      test::make_page({{"e1", "x", R"({"*": "star", "a/b": ["k"]})", std::nullopt, std::nullopt, {}},
                       {"e2", "y", R"({"panel": {"p": {"user": "u"}}})", std::nullopt, std::nullopt, {}}});
  const ParsedPage parsed = parser->parse(page);
  MemoryRows rows;
  for (std::size_t i = 0; i < page.events.size(); ++i) {
    const std::size_t row = parsed.row.at(i);
    ASSERT_NE(row, ParsedPage::not_parsed);
    const Event event(
        page.events[i], projector->extraction(),
        std::span(parsed.values)
            .subspan(row * parser->values_per_event() + parser->values_offset(0), projector->extraction().paths.size()),
        std::span(parsed.elements)
            .subspan(row * parser->elements_per_event() + parser->elements_offset(0),
                     projector->extraction().elements.size()));
    Changes changes(projector->table());
    projector->handle(event, changes);
    ChangeSet set(projector->table());
    changes.move_into(set);
    test::change_rows(set, rows);
  }
  EXPECT_EQ(rows, (MemoryRows{{{"k"}, {{"doc", R"({"*": "star", "a/b": ["k"]})"}, {"word", "star"}, {"label", "d"}}},
                              {{"u"}, {{"word", "p"}, {"doc", R"({"user": "u"})"}}}}));
}

}  // namespace
}  // namespace rebuild_projection

// Without this: a value reaches its column changed (digits, escapes, the wrong one of two keys), or from the wrong
// event.
#include "stages/parse/json_parser.h"

#include <gtest/gtest.h>

#include <thread>

#include "pipeline/error.h"
#include "tests/stages/parse/parse_payload.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;
constexpr PayloadFormat all_formats[] = {PayloadFormat::jsonb, PayloadFormat::json, PayloadFormat::text};

struct Case {
  const char* path;
  const char* payload;
  const char* value;
};

void expect(const std::vector<Case>& cases, std::initializer_list<PayloadFormat> formats) {
  for (const Case& one : cases)
    for (const PayloadFormat format : formats)
      EXPECT_EQ(value_at(one.path, one.payload, format), one.value)
          << one.path << " in " << one.payload << ", format " << static_cast<int>(format);
}

constexpr auto jsonb = PayloadFormat::jsonb;
constexpr auto json = PayloadFormat::json;
constexpr auto text = PayloadFormat::text;

TEST(JsonParser, KeepsTheDigitsOfNumbers) {
  expect({{"/a", R"({"a": 1})", "number 1"},
          {"/a", R"({"a": -0.0 })", "number -0.0"},
          {"/a", R"({"a": 1.10, "b": 2})", "number 1.10"},
          {"/a", R"({"a":9223372036854775808})", "number 9223372036854775808"},
          {"/a", R"({"a":12345678901234567890123456789})", "number 12345678901234567890123456789"},
          {"/a", R"({"a":1E400})", "number 1E400"},
          {"/a", "{\"a\":\t1.5e-7\r\n}", "number 1.5e-7"},
          {"/1", "[0,0.1]", "number 0.1"}},
         {jsonb, json, text});
}

TEST(JsonParser, UnescapesStrings) {
  expect({{"/a", R"({"a": ""})", "string "},
          {"/a", R"({"a": "plain" , "b": 1})", "string plain"},
          {"/a", R"({"a": "q\" b\\ s\/ b\b f\f n\n r\r t\t"})", "string q\" b\\ s/ b\b f\f n\n r\r t\t"},
          {"/a", R"({"a": "\u0041\u00e9\u20AC\ud83d\ude00!"})", "string A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
          {"/a", "{\"a\": \"\xc3\xa9 \xf0\x9f\x98\x80\"}", "string \xc3\xa9 \xf0\x9f\x98\x80"},
          {"/a", R"({"a": "ends in \\"})", "string ends in \\"},
          {"/a", R"({"a": "{\"a\": [1, 2]}"})", "string {\"a\": [1, 2]}"},
          {"/a", R"({"a": "\uffff"})", "string \xef\xbf\xbf"},
          {"/a", R"({"a": "\u007f\u0080\u07ff\u0800"})", "string \x7f\xc2\x80\xdf\xbf\xe0\xa0\x80"}},
         {jsonb, json, text});
}

TEST(JsonParser, SaysThatAStringCannotBeText) {
  expect({{"/a", R"({"a": "x\u0000"})", "invalid"},
          {"/a", R"({"a": "\ud800"})", "invalid"},
          {"/a", R"({"a": "\ud800x"})", "invalid"},
          {"/a", R"({"a": "\udc00\ud800"})", "invalid"},
          {"/a", R"({"a": "\udc00\udc00"})", "invalid"},
          {"/a", R"({"a": "\ud800\ud800"})", "invalid"},
          {"/a", R"({"a": "\ud800\n"})", "invalid"},
          {"/b", R"({"a": "\u0000\ud800", "b": 1})", "number 1"}},
         {json, text});
}

TEST(JsonParser, ReadsEveryKind) {
  expect({{"/a", R"({"a": true})", "boolean true"},
          {"/a", R"({"a": false , "b": 1})", "boolean false"},
          {"/a", R"({"a": null})", "null"},
          {"/a", R"({"b": null})", "missing"},
          {"/a", R"({"a": {"x": [1, {}]} , "b": 1})", R"(object {"x": [1, {}]})"},
          {"/a", R"({"a": {} , "b": 1})", "object {}"},
          {"/a", R"({"a": [ ] })", "array [ ]"},
          {"/a", R"({"b": 1, "a": [1, "]"]})", R"(array [1, "]"])"},
          {"", R"( {"a": 1} )", R"(object {"a": 1})"},
          {"", "[1]", "array [1]"}},
         {jsonb, json, text});
}

TEST(JsonParser, FollowsPointers) {
  expect({{"/a/b/c", R"({"a": {"b": {"c": 1}}})", "number 1"},
          {"/a/b/c", R"({"a": {"b": [1]}})", "missing"},
          {"/a/b", R"({"a": 1})", "missing"},
          {"/a~1b", R"({"a/b": 1})", "number 1"},
          {"/a~0b", R"({"a~b": 1})", "number 1"},
          {"/~01", R"({"~1": 1, "/": 2})", "number 1"},
          {"/", R"({"": 1})", "number 1"},
          {"//", R"({"": {"": 1}})", "number 1"},
          {"/*", R"({"a": 1, "*": 2})", "number 2"},
          {"/a*", R"({"a": 1, "a*": 2})", "number 2"},
          {"/0", R"({"0": 1})", "number 1"},
          {"/00", R"({"00": 1})", "number 1"},
          {"/0", "[7, 8]", "number 7"},
          {"/1", "[7, 8]", "number 8"},
          {"/2", "[7, 8]", "missing"},
          {"/00", "[7, 8]", "missing"},
          {"/01", "[7, 8]", "missing"},
          {"/-", "[7, 8]", "missing"},
          {"/-1", "[7, 8]", "missing"},
          {"/+1", "[7, 8]", "missing"},
          {"/1x", "[7, 8]", "missing"},
          {"/18446744073709551615", "[7, 8]", "missing"},
          {"/18446744073709551617", "[7, 8]", "missing"},
          {"/10", "[0,1,2,3,4,5,6,7,8,9,10]", "number 10"},
          {"/1/0/x", R"([[], [{"x": 5}]])", "number 5"}},
         {jsonb, json, text});
}

TEST(JsonParser, ComparesKeysUnescaped) {
  expect({{"/abc", R"({"\u0061bc": 1})", "number 1"},
          {"/a\"b", R"({"a\"b": 1})", "number 1"},
          {"/a\\b", R"({"a\\b": 1})", "number 1"},
          {"/a\\", R"({"a\\": 1})", "number 1"},
          {"/a\\", R"({"a\"": 1})", "missing"},
          {"/a\\\"", R"({"a\"": 1})", "missing"},
          {"/\xc3\xa9", R"({"\u00e9": 1})", "number 1"},
          {"/\n", R"({"\n": 1})", "number 1"},
          {"/a", R"({"a\\b": 1, "\"": 2, "aa": 3})", "missing"},
          {"/ab", R"({"a": 1, "abc": 2})", "missing"}},
         {jsonb, json, text});
  expect({{"/a", R"({"\u0000": 1, "\ud800": 2, "a": 3})", "number 3"}, {"/\\ud800", R"({"\ud800": 2})", "missing"}},
         {json, text});
}

TEST(JsonParser, LastOfEqualKeysWins) {
  expect({{"/a", R"({"a": 1, "b": 2, "a": 3})", "number 3"},
          {"/a", R"({"a": 1, "\u0061": 3})", "number 3"},
          {"/a/b", R"({"a": {"b": 1}, "a": {"c": 2}})", "missing"},
          {"/a/b", R"({"a": {"b": 1}, "a": 2})", "missing"},
          {"/a/b", R"({"a": {"c": 1}, "a": {"b": 2, "b": 4}})", "number 4"},
          {"/a/0", R"({"a": [1], "a": []})", "missing"},
          {"", R"({"a": 1, "a": 2})", R"(object {"a": 1, "a": 2})"}},
         {json, text});
}

TEST(JsonParser, ReadsAnObjectAndItsMembers) {
  for (const PayloadFormat format : all_formats) {
    const Outcome outcome = parse_payload({{"/a/b", "/a", "/a/c/0", "/a/c", "", "/a", "/z/y", "/z", "/e", "/e/0"}, {}},
                                          R"({"e": [], "a": {"b": 1, "c": [2, 3] }, "z": {}})", format);
    EXPECT_EQ(outcome.values,
              (Lines{"number 1", R"(object {"b": 1, "c": [2, 3] })", "number 2", "array [2, 3]",
                     R"(object {"e": [], "a": {"b": 1, "c": [2, 3] }, "z": {}})", R"(object {"b": 1, "c": [2, 3] })",
                     "missing", "object {}", "array []", "missing"}));
  }
}

TEST(JsonParser, RootsThatAreNoObjects) {
  for (const PayloadFormat format : all_formats) {
    for (const char* payload : {"null", "true", "12", " \"a\" ", "-1.5e3", "\"\"", "[]", "{}"}) {
      const Outcome outcome = parse_payload({{"/a", "/0", "/a/b"}, {{"/*", {""}}, {"/a/*", {"/b"}}}}, payload, format);
      EXPECT_EQ(outcome.values, (Lines{"missing", "missing", "missing"})) << payload;
      EXPECT_EQ(outcome.elements, (std::vector<Lines>{{}, {}})) << payload;
      EXPECT_EQ(outcome.error, std::nullopt) << payload;
    }
    EXPECT_EQ(value_at("", " 12 ", format), "number 12");
    EXPECT_EQ(value_at("", "\"a\\n\"", format), "string a\n");
    EXPECT_EQ(value_at("", "null", format), "null");
    const Outcome array = parse_payload({{"/0", "/1/a"}, {{"/*", {"", "/a"}}}}, R"([5, {"a": 6}])", format);
    EXPECT_EQ(array.values, (Lines{"number 5", "number 6"}));
    EXPECT_EQ(array.elements, (std::vector<Lines>{{"[0] number 5; missing;", R"([1] object {"a": 6}; number 6;)"}}));
  }
}

TEST(JsonParser, ParsesOnlyEventsThatAreHandled) {
  const ExtractingProjector first({{"/a"}, {{"/l/*", {""}}}}, "one");
  const ExtractingProjector second({{"/b", "/a"}, {}}, "two");
  const Page page = make_page({{"1", "none", "broken"},
                               {"2", "two", R"({"a": 1, "b": "\u0062"})"},
                               {"3", "none", "{}"},
                               {"4", "one", R"({"a": 2, "l": [1, 2]})"}});
  const auto parser = make_json_parser({&first, &second}, PayloadFormat::text);
  ASSERT_EQ(parser->values_per_event(), 3U);
  ASSERT_EQ(parser->elements_per_event(), 1U);
  EXPECT_EQ(parser->values_offset(0), 0U);
  EXPECT_EQ(parser->values_offset(1), 1U);
  EXPECT_EQ(parser->elements_offset(0), 0U);
  EXPECT_EQ(parser->elements_offset(1), 1U);
  const ParsedPage parsed = parser->parse(page);
  constexpr std::uint32_t none = ParsedPage::not_parsed;
  EXPECT_EQ(parsed.row, (std::vector<std::uint32_t>{none, 0, none, 1}));
  Lines values;
  for (const Json& json_value : parsed.values) values.push_back(show(json_value));
  EXPECT_EQ(values, (Lines{"number 1", "string b", "number 1", "number 2", "missing", "number 2"}));
  ASSERT_EQ(parsed.elements.size(), 2U);
  EXPECT_EQ(parsed.elements[0].size(), 0U);
  EXPECT_EQ(parsed.elements[1].size(), 2U);
  EXPECT_TRUE(parsed.errors.empty());
}

TEST(JsonParser, BrokenPayloadSpoilsOnlyItsEvent) {
  const ExtractingProjector projector({{"/a", "/b"}, {{"/l/*", {""}}}});
  const Page page = make_page({{"1", "wanted", R"({"a": 1})"},
                               {"2", "wanted", R"({"a": 1, "l": [1], "b": "secret)"},
                               {"3", "wanted", "{\"a\": \"\xff\"}"},
                               {"4", "wanted", R"({"a": 4})"}});
  for (const PayloadFormat format : all_formats) {
    const ParsedPage parsed = make_json_parser({&projector}, format)->parse(page);
    ASSERT_EQ(parsed.errors.size(), 4U);
    EXPECT_EQ(parsed.errors[0], std::nullopt);
    EXPECT_EQ(parsed.errors[1], "payload is not valid JSON: unexpected end near byte 32");
    EXPECT_EQ(parsed.errors[2], "payload is not valid UTF-8 near byte 8");
    EXPECT_EQ(parsed.errors[3], std::nullopt);
    EXPECT_EQ(show(parsed.values[0]), "number 1");
    EXPECT_EQ(show(parsed.values[2]), "missing");
    EXPECT_EQ(show(parsed.values[4]), "missing");
    EXPECT_EQ(show(parsed.values[6]), "number 4");
    EXPECT_TRUE(parsed.elements[1].empty());
  }
}

TEST(JsonParser, BadUtf8IsAnErrorWhateverIsWanted) {
  for (const PayloadFormat format : all_formats)
    for (const char* payload : {"{\"x\": 1, \"a\": \"\xc3\"}", "\"\xed\xa0\x80\"", "{\"\xf5\": 1}"})
      for (const char* path : {"/x", "/nothing", ""})
        EXPECT_TRUE(value_at(path, payload, format).starts_with("error: payload is not valid UTF-8 near byte "))
            << path;
  EXPECT_TRUE(parse_payload({}, "\"\x80\"", PayloadFormat::jsonb).error.has_value());
}

TEST(JsonParser, ViewsOutliveTheNextPage) {
  const ExtractingProjector projector({{"/a"}, {{"/l/*", {"/x"}}}});
  const auto parser = make_json_parser({&projector}, PayloadFormat::json);
  std::vector<Page> pages;
  std::vector<ParsedPage> parsed;
  std::string many = R"({"a": "\u0041)";
  many += R"(", "l": [)";
  for (int i = 0; i < 1000; ++i) many += R"({"x": "\u0042)" + std::to_string(i) + "\"}, ";
  many += "{}]}";
  for (int i = 0; i < 3; ++i) {
    pages.push_back(make_page({{"1", "wanted", many}, {"2", "wanted", R"({"a": "\n"})"}, {"3", "wanted", many}}));
    parsed.push_back(parser->parse(pages.back()));
  }
  for (const ParsedPage& page : parsed) {
    EXPECT_EQ(show(page.values[0]), "string A");
    EXPECT_EQ(show(page.values[1]), "string \n");
    ASSERT_EQ(page.elements[0].size(), 1001U);
    EXPECT_EQ(show(page.elements[0][999]), "[999] string B999;");
    EXPECT_EQ(show(page.elements[2][7]), "[7] string B7;");
  }
}

TEST(JsonParser, CallsAtOnceDoNotDisturbEachOther) {
  const ExtractingProjector projector({{"/a", "/b/c"}, {}});
  const auto parser = make_json_parser({&projector}, PayloadFormat::json);
  const auto run = [&](int seed) {
    for (int round = 0; round < 200; ++round) {
      const std::string mark = std::to_string(seed * 1000 + round);
      const Page page = make_page({{"1", "wanted", R"({"a": "\t)" + mark + R"(", "b": {"c": )" + mark + "}}"}});
      const ParsedPage parsed = parser->parse(page);
      ASSERT_EQ(show(parsed.values[0]), "string \t" + mark);
      ASSERT_EQ(show(parsed.values[1]), "number " + mark);
    }
  };
  std::vector<std::jthread> threads;
  for (int seed = 1; seed <= 8; ++seed) threads.emplace_back(run, seed);
}

TEST(JsonParser, ReadsLargePayloads) {
  constexpr std::size_t bytes = std::size_t{20} << 20;
  const std::string payload = R"({"skip": [")" + std::string(bytes, 'x') + R"("], "a": ")" + std::string(bytes, 'y') +
                              R"(", "e": "\t)" + std::string(1000, 'z') + "\"}";
  const ExtractingProjector projector({{"/a", "/e"}, {}});
  for (const PayloadFormat format : all_formats) {
    const auto parser = make_json_parser({&projector}, format);
    for (const std::string& other : {payload, std::string(R"({"a": 1})")}) {
      const Page page = make_page({{"1", "wanted", other}, {"2", "wanted", R"({"a": 2})"}});
      const ParsedPage parsed = parser->parse(page);
      EXPECT_TRUE(parsed.errors.empty());
      if (other.size() > bytes) {
        EXPECT_EQ(parsed.values[0].text.size(), bytes);
        EXPECT_EQ(parsed.values[1].text.size(), 1001U);
      }
      EXPECT_EQ(show(parsed.values[2]), "number 2");
    }
  }
}

TEST(JsonParser, ManyPathsOfOneObject) {
  Extraction extraction;
  std::string payload = "{";
  for (int i = 0; i < 100; ++i) {
    extraction.paths.push_back("/k" + std::to_string(i));
    payload += "\"k" + std::to_string(i) + "\": " + std::to_string(i) + ", ";
  }
  payload += R"("end": 1, "k99": "last"})";
  for (const PayloadFormat format : {PayloadFormat::json, PayloadFormat::text}) {
    const Outcome outcome = parse_payload(extraction, payload, format);
    EXPECT_EQ(outcome.values[0], "number 0");
    EXPECT_EQ(outcome.values[98], "number 98");
    EXPECT_EQ(outcome.values[99], "string last");
  }
}

TEST(JsonParser, RefusesWhatIsNoPointer) {
  for (const char* path : {"a", "a/b", "/a~", "/a~2", "~"}) {
    const ExtractingProjector projector({{path}, {}});
    EXPECT_THROW(make_json_parser({&projector}, PayloadFormat::jsonb), UsageError) << path;
  }
  std::string deep;
  for (int i = 0; i < 257; ++i) deep += "/a";
  const ExtractingProjector projector({{deep}, {}});
  EXPECT_THROW(make_json_parser({&projector}, PayloadFormat::jsonb), UsageError);
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this: a payload that is no JSON passes for one (text and bytea columns), or a valid one is refused.
#include "stages/parse/validation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "tests/stages/parse/parse_payload.h"

namespace rebuild_projection::test {
namespace {

bool is_valid(const std::string& json) {
  // A copy without room to spare, so that a memory checker sees any read beyond it.
  const std::vector<char> exact(json.begin(), json.end());
  return !Validator().check({exact.data(), exact.size()}).has_value();
}

std::string nested(std::size_t depth, const std::string& open, const std::string& close, const std::string& core) {
  std::string json;
  for (std::size_t i = 0; i < depth; ++i) json += open;
  json += core;
  for (std::size_t i = 0; i < depth; ++i) json += close;
  return json;
}

TEST(Validation, AcceptsEveryForm) {
  for (const char* json : {"{}",
                           "[]",
                           "0",
                           "-0",
                           "-0.0e-0",
                           "1E400",
                           "10.25e+7",
                           "123456789012345678901234567890",
                           "9223372036854775808",
                           "true",
                           "false",
                           "null",
                           "\"\"",
                           " \t\r\n1 \n",
                           "[1,2 , 3]",
                           R"({"a":1 , "b" : [ {} , [ ] ]})",
                           R"("\"\\\/\b\f\n\r\t\u00aF")",
                           R"("\ud800")",
                           R"("\u0000")",
                           "\"\x7f\"",
                           "[[],[[]],{}]",
                           R"({"a":{"b":{}}})",
                           R"({"":""})",
                           R"({"a":1,"a":2})",
                           "\"a string longer than eight bytes, and one more: \xc3\xa9\""})
    EXPECT_TRUE(is_valid(json)) << json;
}

TEST(Validation, RefusesEveryOtherForm) {
  for (const char* json : {"",
                           " ",
                           "{",
                           "}",
                           "[",
                           "]",
                           "{]",
                           "[}",
                           "{}}",
                           "[]]",
                           "{}{}",
                           "1 2",
                           "[1 2]",
                           "[1,]",
                           "[,1]",
                           "[,]",
                           "{,}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a" 1})",
                           R"({"a":1,})",
                           R"({"a":1 "b":2})",
                           R"({"a"::1})",
                           R"({a:1})",
                           R"({1:1})",
                           "{\"a\":1]",
                           "[1}",
                           "01",
                           "-01",
                           "00",
                           "1.",
                           ".5",
                           "-",
                           "+1",
                           "1e",
                           "1e+",
                           "1.e5",
                           "0x10",
                           "1_000",
                           "--1",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "tru",
                           "truee",
                           "True",
                           "nul",
                           "nulll",
                           "falsy",
                           "'a'",
                           "\"",
                           "\"a",
                           "\"\\\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\u\"",
                           "\"\\",
                           "\"\\u123",
                           "\"a\nb\"",
                           "\"\t\"",
                           "\"\x1f\"",
                           "\"long enough to be skipped\x01 by words\"",
                           "\"x\" y",
                           "[1]x",
                           "/* c */ 1",
                           "[1] // c",
                           "\xef\xbb\xbf{}",
                           "\v1",
                           "\f1",
                           "\xa0"
                           "1",
                           "[\"a\":1]",
                           "{\"a\":1,,\"b\":2}",
                           "[1,,2]",
                           "{\"a\":[1,{\"b\":2]}",
                           "[true false]",
                           "1.5.2",
                           "1e5e5",
                           "1e5.5",
                           "\"\\U0041\"",
                           "\"\\0\"",
                           "{\"a\\q\":1}",
                           "[\"\\ud8\"]"})
    EXPECT_FALSE(is_valid(json)) << json;
  EXPECT_FALSE(is_valid(std::string("1\0", 2)));
  EXPECT_FALSE(is_valid(std::string("\"a\0\"", 4)));
}

TEST(Validation, NamesThePlace) {
  const auto where = [](const std::string& json) { return Validator().check(json).value().offset; };
  EXPECT_EQ(where(R"({"a": x})"), 6U);
  EXPECT_EQ(where("[1, 01]"), 5U);
  EXPECT_EQ(where("[1"), 2U);
  EXPECT_EQ(where("{} x"), 3U);
  EXPECT_EQ(where("\"a\nb\""), 2U);
}

TEST(Validation, LimitsDepth) {
  constexpr std::size_t deepest = limits::payload_depth_max;
  EXPECT_TRUE(is_valid(nested(deepest, "[", "]", "")));
  EXPECT_TRUE(is_valid(nested(deepest, R"({"a":)", "}", "1")));
  EXPECT_FALSE(is_valid(nested(deepest + 1, "[", "]", "")));
  EXPECT_FALSE(is_valid(nested(deepest + 1, R"({"a":)", "}", "1")));
  EXPECT_EQ(value_at("/a", "{\"a\": " + nested(deepest, "[", "]", "") + "}", PayloadFormat::text),
            "error: payload is not valid JSON: nested deeper than 10000 levels near byte 10006");
  for (const PayloadFormat format : {PayloadFormat::jsonb, PayloadFormat::json, PayloadFormat::text}) {
    const std::string deep = nested(6000, R"([{"b":)", "}]", "1");
    const std::string six_thousand = nested(3000, R"([{"b":)", "}]", "1");
    EXPECT_EQ(value_at("/z", R"({"a":)" + six_thousand + R"(,"z":7})", format), "number 7");
    EXPECT_EQ(value_at("/a", R"({"a":)" + six_thousand + R"(,"z":7})", format), "array " + six_thousand);
    EXPECT_EQ(
        value_at("/0/b/0/b/0/b/0/c", nested(3, R"([{"x":)" + six_thousand + R"(,"b":)", "}]", R"([{"c":5}])"), format),
        "number 5");
    if (format != PayloadFormat::text) {
      EXPECT_EQ(value_at("/z", R"({"a":)" + deep + R"(,"z":7})", format), "number 7");
    }
  }
}

TEST(Validation, EveryMalformedPartIsFoundWhetherItIsWantedOrNot) {
  for (const char* payload : {R"({"x": 1, "a": [1,], "y": 2})", R"({"x": 1, "a": 01, "y": 2})",
                              R"({"x": 1, "a": "\q", "y": 2})", R"({"x": 1, "a": nul, "y": 2})", R"({"x": 1, "y": 2}})",
                              R"({"x": 1, "a": {"b" 1}, "y": 2})", R"({"x": 1, "y": 2)", R"({"x": 1, "y": 2]})"})
    for (const char* path : {"/x", "/a", "/y", "/nothing", "/a/b", ""})
      EXPECT_TRUE(value_at(path, payload, PayloadFormat::text).starts_with("error: payload is not valid JSON: "))
          << path << " in " << payload;
}

bool has_long_exponent(const std::string& json) {
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != 'e' && json[i] != 'E') continue;
    const std::size_t first = json.find_first_not_of("+-", i + 1);
    if (first != std::string::npos && json.find_first_not_of("0123456789", first) >= first + 3) return true;
  }
  return false;
}

/// nlohmann's parser shares nothing with this one. It refuses numbers beyond double and halves of surrogate pairs, and
/// allows a byte order mark: the texts here contain none of these.
TEST(Validation, AgreesWithAnotherParserOnDamagedTexts) {
  const std::string seeds[] = {R"({"a": [1, -2.5e3, 0, "x\n\u0041y"], "b": {"c": null, "d": true}, "": false})",
                               R"([[], {}, [{"k": "a longer string with \"quotes\" and \\ in it"}], 0.1, 10, -0])",
                               "{\"\xc3\xa9\": \"\xf0\x9f\x98\x80\", \"n\": 1e5}"};
  const std::string bytes = "{}[]\",:\\/0123456789.eE+-truefalsn \n\tu\x01\x1f\x7f\x80\xc3\xe2\xf0\xff";
  std::mt19937 random(20250201);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  std::size_t valid = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string json = seeds[below(std::size(seeds))];
    for (std::size_t edits = 1 + below(3); edits > 0 && !json.empty(); --edits) {
      const std::size_t at = below(json.size());
      const std::size_t kind = below(4);
      if (kind == 0) json[at] = bytes[below(bytes.size())];
      if (kind == 1) json.insert(at, 1, bytes[below(bytes.size())]);
      if (kind == 2) json.erase(at, 1 + below(3));
      if (kind == 3) json.resize(at + 1);
    }
    const bool expected = nlohmann::json::accept(json);
    if (has_long_exponent(json)) continue;
    valid += expected ? 1 : 0;
    ASSERT_EQ(is_valid(json) && !find_bad_utf8(json), expected) << json;
  }
  EXPECT_GT(valid, 1000U);
}

TEST(Validation, FindsWhereUtf8Ends) {
  EXPECT_EQ(find_bad_utf8("abc \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), std::nullopt);
  for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\x98"})
    for (std::size_t before = 1; before < 200; before += 7) {
      std::string prefix;
      while (prefix.size() < before) prefix += "\xc3\xa9";
      EXPECT_EQ(find_bad_utf8(prefix + bad + "tail"), prefix.size()) << before;
    }
  EXPECT_TRUE(find_bad_utf8("a\x80\x80\x80\x80\x80z").has_value());
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this: for_each sees too many, too few or the wrong elements, or elements of a member that a later one
// replaced.
#include <gtest/gtest.h>

#include "tests/stages/parse/parse_payload.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

Lines matches(const Extraction::Elements& elements, const std::string& payload, PayloadFormat format) {
  const Outcome outcome = parse_payload({{}, {elements}}, payload, format);
  return outcome.error ? Lines{"error: " + *outcome.error} : outcome.elements.front();
}

void expect(const Extraction::Elements& elements, const std::string& payload, const Lines& expected,
            bool with_jsonb = true) {
  if (with_jsonb) {
    EXPECT_EQ(matches(elements, payload, PayloadFormat::jsonb), expected) << payload;
  }
  EXPECT_EQ(matches(elements, payload, PayloadFormat::json), expected) << payload;
  EXPECT_EQ(matches(elements, payload, PayloadFormat::text), expected) << payload;
}

TEST(Elements, OfArrays) {
  expect({"/p/*", {"/id", ""}}, R"({"p": [{"id": 1}, 2, {"x": 3}, [], null]})",
         {R"([0] number 1; object {"id": 1};)", "[1] missing; number 2;", R"([2] missing; object {"x": 3};)",
          "[3] missing; array [];", "[4] missing; null;"});
  expect({"/p/*", {"/id"}}, R"({"q": [1]})", {});
  expect({"/p/*", {"/id"}}, R"({"p": []})", {});
  expect({"/p/*", {"/id"}}, R"({"p": "text"})", {});
  expect({"/p/*", {}}, "{\"p\": [1, 2]}", {"[0]", "[1]"});
  expect({"/p/*", {"/0/*"}}, R"({"p": [[{"*": 5, "a": 6}]]})", {"[0] number 5;"});
}

TEST(Elements, OfObjects) {
  expect({"/p/*", {"", "/k"}}, R"({"p": {"a": 1, "b\n\"": {"k": 2}, "": 3}})",
         {"[a] number 1; missing;", "[b\n\"] object {\"k\": 2}; number 2;", "[] number 3; missing;"});
  expect({"/*", {""}}, R"({"p": {"a": 1}, "\u00e9": null})", {R"([p] object {"a": 1};)", "[\xc3\xa9] null;"});
}

TEST(Elements, NestInPayloadOrder) {
  expect({"/*/l/*/x", {"", "/y"}},
         R"({"a": {"l": [{"x": 1}, {"z": 0}, {"x": {"y": 2}}]}, "b": {"l": {"k": {"x": 3}}}, "c": 1})",
         {"[a 0] number 1; missing;", R"([a 2] object {"y": 2}; number 2;)", "[b k] number 3; missing;"});
  expect({"/*/*", {""}}, "[[1, 2], [], [3]]", {"[0 0] number 1;", "[0 1] number 2;", "[2 0] number 3;"});
  std::string many = "[";
  Lines expected;
  for (int i = 0; i < 300; ++i) {
    many += (i > 0 ? "," : "") + std::to_string(i + 5);
    expected.push_back("[" + std::to_string(i) + "] number " + std::to_string(i + 5) + ";");
  }
  expect({"/*", {""}}, many + "]", expected);
}

TEST(Elements, OverlapWithPathsAndEachOther) {
  const Extraction extraction{{"/p/1/id", "/p/1", "/p", "/p/x"},
                              {{"/p/*", {"/id"}}, {"/*/1", {"/id", ""}}, {"/*/*/id", {""}}, {"/p/1/*", {""}}}};
  for (const PayloadFormat format : {PayloadFormat::jsonb, PayloadFormat::json, PayloadFormat::text}) {
    const Outcome outcome = parse_payload(extraction, R"({"p": [{"id": 1}, {"id": 2}], "q": [3, 4]})", format);
    EXPECT_EQ(outcome.values, (Lines{"number 2", R"(object {"id": 2})", R"(array [{"id": 1}, {"id": 2}])", "missing"}));
    EXPECT_EQ(outcome.elements[0], (Lines{"[0] number 1;", "[1] number 2;"}));
    EXPECT_EQ(outcome.elements[1], (Lines{R"([p] number 2; object {"id": 2};)", "[q] missing; number 4;"}));
    EXPECT_EQ(outcome.elements[2], (Lines{"[p 0] number 1;", "[p 1] number 2;"}));
    EXPECT_EQ(outcome.elements[3], (Lines{"[id] number 2;"}));
  }
}

TEST(Elements, OfTheLastOfEqualKeys) {
  expect({"/p/*", {""}}, R"({"p": [1, 2], "q": 0, "p": [3]})", {"[0] number 3;"}, false);
  expect({"/p/*", {""}}, R"({"p": [1, 2], "p": null})", {}, false);
  expect({"/*", {""}}, R"({"a": 1, "b": 2, "a": 3, "c": 4, "\u0062": 5})",
         {"[a] number 3;", "[c] number 4;", "[b] number 5;"}, false);
  expect({"/*/*", {"/k"}}, R"({"a": [{"k": 1}], "b": [{"k": 2, "k": 3}], "a": {"z": {"k": 4}, "z": {"j": 5}}})",
         {"[b 0] number 3;", "[a z] missing;"}, false);
  expect({"/p/*", {"/k", "/k/j"}}, R"({"p": [{"k": {"j": 1}, "k": {"i": 2}}]})", {R"([0] object {"i": 2}; missing;)"},
         false);
}

TEST(Elements, KeyThatCannotBeReadIsAnErrorWhereItIsMatched) {
  for (const PayloadFormat format : {PayloadFormat::json, PayloadFormat::text}) {
    EXPECT_EQ(matches({"/p/*", {""}}, R"({"p": {"a\u0000": 1}})", format),
              Lines{"error: payload is not valid JSON: a member's name cannot be read near byte 9"});
    EXPECT_EQ(matches({"/p/*", {"/a"}}, R"({"p": [{"\ud800": 1, "a": 2}]})", format), Lines{"[0] number 2;"});
  }
}

}  // namespace
}  // namespace rebuild_projection::test

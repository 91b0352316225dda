// Without these tests two spellings of one key could become two rows of a batch, or two keys one.
#include <gtest/gtest.h>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "pipeline/error.h"
#include "pipeline/key.h"

namespace rebuild_projection {
namespace {

using Kind = Json::Kind;

TableLayout keyed_by(std::initializer_list<ColumnType> types, std::optional<int> scale = std::nullopt) {
  TableLayout table;
  for (const ColumnType type : types) table.key.push_back({"k" + std::to_string(table.key.size()), type, scale, {}});
  return table;
}

struct Key {
  std::string canonical, spelling;
  std::vector<std::string> values;
};

Key key(const TableLayout& table, std::initializer_list<Json> parts) {
  Key key{"before", "before", {}};  // what is there stays
  append_key(table, {parts.begin(), parts.size()}, key.canonical, key.spelling);
  EXPECT_TRUE(key.canonical.starts_with("before") && key.spelling.starts_with("before"));
  key.canonical.erase(0, 6);
  key.spelling.erase(0, 6);
  for (std::size_t part = 0; part < table.key.size(); ++part)
    key.values.push_back(key_text(table, key.canonical, key.spelling, part));
  return key;
}

std::string error_of(const TableLayout& table, Json part) {
  try {
    key(table, {part});
  } catch (const EventError& error) {
    return error.what();
  }
  return "accepted";
}

struct Spelling {
  Kind kind;
  const char* text;
};

/// All spellings make the same key, which is written as `written`.
void expect_one_key(const TableLayout& table, const std::string& written, const std::vector<Spelling>& spellings) {
  const std::string first = key(table, {Json{spellings[0].kind, spellings[0].text}}).canonical;
  for (const Spelling& spelling : spellings) {
    SCOPED_TRACE(spelling.text);
    const Key one = key(table, {Json{spelling.kind, spelling.text}});
    EXPECT_EQ(one.canonical, first);
    EXPECT_EQ(one.values, std::vector<std::string>{written});
  }
}

void expect_refused(const TableLayout& table, const std::string& error, const std::vector<Spelling>& spellings) {
  for (const Spelling& spelling : spellings)
    EXPECT_EQ(error_of(table, {spelling.kind, spelling.text}), error) << spelling.text;
}

// What is accepted and refused below is what the input functions of PostgreSQL 15 accept and refuse.
TEST(Key, IntegersInEverySpelling) {
  const TableLayout table = keyed_by({ColumnType::integer}, 0);
  expect_one_key(table, "7",
                 {{Kind::number, "7"},
                  {Kind::number, "7.0"},
                  {Kind::number, "70e-1"},
                  {Kind::string, "007"},
                  {Kind::string, "+7"},
                  {Kind::string, " 7 "}});
  expect_one_key(table, "0",
                 {{Kind::number, "0"}, {Kind::number, "-0"}, {Kind::string, "-00"}, {Kind::number, "-0.0"}});
  expect_one_key(table, "9223372036854775807", {{Kind::number, "9223372036854775807"}});
  expect_refused(
      table, "column \"k0\" needs an integer, the payload has a string",
      {{Kind::string, "7.0"}, {Kind::string, ""}, {Kind::string, "- 7"}, {Kind::string, "+-7"}, {Kind::string, "1e2"}});
  expect_refused(table, "column \"k0\" needs an integer, the payload has a number",
                 {{Kind::number, "7.5"}, {Kind::number, "9223372036854775808"}, {Kind::number, "1e400"}});
  expect_refused(table, "column \"k0\" needs an integer, the payload has a boolean", {{Kind::boolean, "true"}});
}

TEST(Key, NumericsKeepTheirSpellingAndCompareByValue) {
  const TableLayout table = keyed_by({ColumnType::numeric});
  const Key one = key(table, {Json{Kind::number, "1.10"}});
  const Key other = key(table, {Json{Kind::string, " 11e-1"}});
  EXPECT_EQ(one.canonical, other.canonical);
  EXPECT_EQ(one.values[0], "1.10");
  EXPECT_EQ(other.values[0], "1.1");
  EXPECT_NE(key(table, {Json{Kind::number, "1.11"}}).canonical, one.canonical);
  expect_refused(table, "column \"k0\" needs a number, the payload has a string",
                 {{Kind::string, "NaN"}, {Kind::string, ""}});

  const TableLayout scaled = keyed_by({ColumnType::numeric}, 1);
  EXPECT_EQ(key(scaled, {Json{Kind::number, "1.14"}}).canonical, one.canonical);
  EXPECT_EQ(key(scaled, {Json{Kind::number, "1.15"}}).values[0], "1.2");
}

TEST(Key, UuidsInEverySpelling) {
  const TableLayout table = keyed_by({ColumnType::uuid});
  expect_one_key(table, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                 {{Kind::string, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
                  {Kind::string, "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"},
                  {Kind::string, "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"},
                  {Kind::string, "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}"},
                  {Kind::uuid, "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11"}});
  expect_refused(table, "column \"k0\" needs a uuid, the payload has a string",
                 {{Kind::string, "a0eebc999c0b4ef8bb6d6bb9bd380a11-"},
                  {Kind::string, "-a0eebc999c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, "a0eebc99--9c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, "a0-eebc999c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, " a0eebc999c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, "{a0eebc999c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, "a0eebc999c0b4ef8bb6d6bb9bd380a1"},
                  {Kind::string, "a0eebc999c0b4ef8bb6d6bb9bd380a111"},
                  {Kind::string, "g0eebc999c0b4ef8bb6d6bb9bd380a11"},
                  {Kind::string, "{"},
                  {Kind::string, ""}});
}

TEST(Key, BooleansInEverySpelling) {
  const TableLayout table = keyed_by({ColumnType::boolean});
  expect_one_key(table, "true",
                 {{Kind::boolean, "true"},
                  {Kind::number, "1"},
                  {Kind::string, "t"},
                  {Kind::string, "TRU"},
                  {Kind::string, " yes "},
                  {Kind::string, "on"}});
  expect_one_key(table, "false",
                 {{Kind::boolean, "false"},
                  {Kind::string, "0"},
                  {Kind::string, "f"},
                  {Kind::string, "N"},
                  {Kind::string, "of"},
                  {Kind::string, "off"}});
  expect_refused(
      table, "column \"k0\" needs a boolean, the payload has a string",
      {{Kind::string, "o"}, {Kind::string, ""}, {Kind::string, "yess"}, {Kind::string, "01"}, {Kind::string, "10"}});
}

TEST(Key, TimestampsByMoment) {
  const TableLayout table = keyed_by({ColumnType::timestamp});
  expect_one_key(table, "2025-01-31 23:00:00+00",
                 {{Kind::string, "2025-01-31 23:00:00+00"}, {Kind::string, "2025-02-01T00:00:00+01:00"}});
  // 2025-01-31 23:00 is 791,679,600 seconds after 2000-01-01.
  constexpr std::string_view sent("\x00\x02\xd0\x07\x45\x55\x7c\x00", 8);
  EXPECT_EQ(key(table, {Json{Kind::moment, sent}}).canonical,
            key(table, {Json{Kind::string, "2025-01-31 23:00:00+00"}}).canonical);
  expect_refused(table, "column \"k0\" needs a timestamp, the payload has a string", {{Kind::string, "soon"}});
}

TEST(Key, TextByteByByte) {
  const TableLayout table = keyed_by({ColumnType::text});
  expect_one_key(table, " 007", {{Kind::string, " 007"}});
  expect_one_key(table, "7", {{Kind::string, "7"}, {Kind::number, "7"}});
  expect_one_key(table, "", {{Kind::string, ""}});
  EXPECT_NE(key(table, {Json{Kind::string, "a"}}).canonical, key(table, {Json{Kind::string, "A"}}).canonical);
  expect_refused(table, "column \"k0\" needs a text, the payload has an object", {{Kind::object, "{}"}});
  expect_refused(table, "column \"k0\" needs a text, the payload has an array", {{Kind::array, "[]"}});
}

TEST(Key, PartsDoNotRunIntoOneAnother) {
  const TableLayout table = keyed_by({ColumnType::text, ColumnType::text});
  const auto pair = [&](std::string_view a, std::string_view b) {
    return key(table, {{Kind::string, a}, {Kind::string, b}});
  };
  EXPECT_NE(pair("ab", "c").canonical, pair("a", "bc").canonical);
  EXPECT_NE(pair("", "x").canonical, pair("x", "").canonical);
  EXPECT_NE(pair(std::string_view("\0\0", 2), "").canonical, pair("", std::string_view("\0\0", 2)).canonical);
  EXPECT_EQ(pair("a", "bc").values, (std::vector<std::string>{"a", "bc"}));
}

TEST(Key, IntegersUuidsAndMomentsSortAsTheirValues) {
  const auto expect_sorted = [](ColumnType type, Kind kind, const std::vector<const char*>& values) {
    for (std::size_t i = 0; i + 1 < values.size(); ++i)
      EXPECT_LT(key(keyed_by({type}), {{kind, values[i]}}).canonical,
                key(keyed_by({type}), {{kind, values[i + 1]}}).canonical)
          << values[i];
  };
  expect_sorted(
      ColumnType::integer, Kind::number,
      {"-9223372036854775808", "-256", "-255", "-1", "0", "1", "9", "10", "255", "256", "9223372036854775807"});
  expect_sorted(ColumnType::uuid, Kind::string,
                {"00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001",
                 "7fffffff-0000-0000-0000-000000000000", "80000000-0000-0000-0000-000000000000",
                 "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"});
  expect_sorted(ColumnType::timestamp, Kind::string,
                {"-infinity", "0044-03-15 00:00:00+00 BC", "1999-12-31 23:59:59.999999+00", "2000-01-01 00:00:00+00",
                 "2025-01-01 00:00:00+00", "infinity"});
}

TEST(Key, PartsOfEveryTypeComeBack) {
  const TableLayout table = keyed_by({ColumnType::integer, ColumnType::text, ColumnType::numeric, ColumnType::uuid,
                                      ColumnType::boolean, ColumnType::timestamp, ColumnType::numeric});
  const Key one = key(table, {{Kind::number, "-7"},
                              {Kind::string, ""},
                              {Kind::number, "1.10"},
                              {Kind::string, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"},
                              {Kind::boolean, "false"},
                              {Kind::string, "2025-01-01T00:00:00Z"},
                              {Kind::number, "2"}});
  EXPECT_EQ(one.values, (std::vector<std::string>{"-7", "", "1.10", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "false",
                                                  "2025-01-01 00:00:00+00", "2"}));
  EXPECT_EQ(key_text(table, one.canonical, "", 2), "1.1");
}

TEST(Key, WhatIsWrittenCanonicallyIsNotKeptTwice) {
  const TableLayout table = keyed_by({ColumnType::numeric, ColumnType::numeric});
  EXPECT_EQ(key(table, {{Kind::number, "1.1"}, {Kind::number, "-20"}}).spelling, "");
  EXPECT_NE(key(table, {{Kind::number, "1.1"}, {Kind::number, "-20.0"}}).spelling, "");
  EXPECT_EQ(
      key(keyed_by({ColumnType::uuid}), {{Kind::string, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}}).canonical.size(),
      16U);
}

TEST(Key, APartWithoutValueIsAnErrorThatNamesTheColumn) {
  for (const ColumnType type : {ColumnType::integer, ColumnType::text, ColumnType::uuid})
    for (const Kind kind : {Kind::missing, Kind::null})
      EXPECT_EQ(error_of(keyed_by({type}), {kind, ""}), "key column \"k0\" has no value");
  EXPECT_EQ(error_of(keyed_by({ColumnType::text}), {Kind::invalid, "a lone surrogate"}),
            "the value for column \"k0\" cannot be read: a lone surrogate");
}

TEST(Key, OtherTypesAndOtherNumbersOfPartsAreBugs) {
  EXPECT_THROW(key(keyed_by({ColumnType::floating}), {{Kind::number, "1"}}), std::logic_error);
  EXPECT_THROW(key(keyed_by({ColumnType::text}), {}), std::logic_error);
}

}  // namespace
}  // namespace rebuild_projection

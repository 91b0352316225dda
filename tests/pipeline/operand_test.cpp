// Without these tests a value that a projector has at hand could reach its column changed, or dangle.
#include "pipeline/operand.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "pipeline/changes.h"

namespace rebuild_projection {
namespace {

using Kind = Json::Kind;

// A double has no exact digits, a character could be meant as a text or a number, and a null pointer is no NULL.
static_assert(!std::is_constructible_v<Operand, double>);
static_assert(!std::is_constructible_v<Operand, float>);
static_assert(!std::is_constructible_v<Operand, char>);
static_assert(!std::is_constructible_v<Operand, std::nullptr_t>);
static_assert(!std::is_constructible_v<Operand, const int*>);

void expect_operand(const Operand& operand, Kind kind, std::string_view text) {
  EXPECT_EQ(operand.json().kind, kind) << text;
  EXPECT_EQ(operand.json().text, text);
}

TEST(Operand, WholeNumbersKeepTheirDigits) {
  expect_operand(0, Kind::number, "0");
  expect_operand(-1, Kind::number, "-1");
  expect_operand(std::int8_t{-128}, Kind::number, "-128");
  expect_operand(std::uint8_t{65}, Kind::number, "65");
  expect_operand(std::numeric_limits<std::int16_t>::min(), Kind::number, "-32768");
  expect_operand(std::numeric_limits<unsigned>::max(), Kind::number, "4294967295");
  expect_operand(std::numeric_limits<std::int64_t>::min(), Kind::number, "-9223372036854775808");
  expect_operand(std::numeric_limits<std::int64_t>::max(), Kind::number, "9223372036854775807");
  expect_operand(std::numeric_limits<std::uint64_t>::max(), Kind::number, "18446744073709551615");
}

TEST(Operand, TextsBooleansAndNull) {
  expect_operand("a text", Kind::string, "a text");
  expect_operand(std::string("12"), Kind::string, "12");
  expect_operand(std::string_view("a\0b", 3), Kind::string, std::string_view("a\0b", 3));
  expect_operand("", Kind::string, "");
  expect_operand(true, Kind::boolean, "true");
  expect_operand(false, Kind::boolean, "false");
  expect_operand(std::nullopt, Kind::null, "");
}

TEST(Operand, ValuesOfThePayloadStayWhatTheyAre) {
  for (const Kind kind :
       {Kind::missing, Kind::null, Kind::boolean, Kind::number, Kind::string, Kind::object, Kind::array, Kind::invalid})
    expect_operand(Json{kind, "text"}, kind, "text");
}

TEST(Operand, ACopyHasItsOwnDigits) {
  auto original = std::make_unique<Operand>(1234567890123456789);
  const Operand copy = *original;
  original.reset();
  expect_operand(copy, Kind::number, "1234567890123456789");
}

// ---- what they do to columns that are named

const TableLayout& table() {
  static const TableLayout layout{"t",
                                  {{"id", ColumnType::integer, 0, {}}, {"part", ColumnType::text, {}, {}}},
                                  {{"label", ColumnType::text, {}, Operation::set | Operation::init},
                                   {"count", ColumnType::integer, 0, Operation::add},
                                   {"low", ColumnType::integer, 0, Operation::min},
                                   {"high", ColumnType::numeric, 2, Operation::max},
                                   {"tags", ColumnType::array, {}, Operation::append}},
                                  false};
  return layout;
}

/// The one row that `fill` changes: its key and "column=value" of each column, as it is created.
template <typename Fill>
std::string row_of(Fill&& fill) {
  Changes changes(table());
  fill(changes);
  ChangeSet set(table());
  changes.move_into(set);
  const auto rows = set.sorted();
  if (rows.size() != 1) return std::to_string(rows.size()) + " rows";
  std::string text = set.key_text(*rows[0], 0) + "/" + set.key_text(*rows[0], 1);
  for (const ColumnChange change : rows[0]->change.when_absent()) {
    text += " " + table().columns.at(change.column).name + "=";
    if (const List* list = change.value.list())
      text += list->appended.at(0).value_or("NULL");
    else
      text += change.value.is_null() ? "NULL" : to_text(change.value);
  }
  return text;
}

TEST(ChangesByName, EachOperationReachesItsColumn) {
  const std::string part = "p";
  EXPECT_EQ(row_of([&](Changes& changes) {
              changes.upsert({1, part})
                  .set("label", true)
                  .add("count", -2)
                  .min("low", 3)
                  .max("high", "1.005")
                  .append("tags", std::nullopt);
            }),
            "1/p label=true count=-2 low=3 high=1.01 tags=NULL");
  EXPECT_EQ(row_of([](Changes& changes) { changes.upsert({"1", "p"}).set("label", std::nullopt); }), "1/p label=NULL");
  EXPECT_EQ(row_of([](Changes& changes) { changes.upsert({1, "p"}).init("label", "new"); }), "1/p label=new");
  EXPECT_EQ(row_of([](Changes& changes) {
              changes.upsert({1, "p"}).set("label", "gone");
              changes.remove({1, "p"});
              changes.upsert({1, "p"}).add("count", 1);
            }),
            "1/p count=1");
}

TEST(ChangesByName, NumbersAtTheLimitsAreNotRounded) {
  EXPECT_EQ(row_of([](Changes& changes) {
              changes.upsert({std::numeric_limits<std::int64_t>::min(), "p"})
                  .add("count", std::numeric_limits<std::int64_t>::max())
                  .max("high", std::numeric_limits<std::uint64_t>::max());
            }),
            "-9223372036854775808/p count=9223372036854775807 high=18446744073709551615.00");
}

template <typename Fill>
std::string bug_of(Fill&& fill) {
  try {
    Changes changes(table());
    fill(changes);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "none";
}

/// The same of what is done to a row.
template <typename Fill>
std::string bug_of_row(Fill&& fill) {
  return bug_of([&](Changes& changes) { fill(changes.upsert({1, "p"})); });
}

TEST(ChangesByName, WhatIsNotDeclaredIsABug) {
  using Row = Changes::Row;
  EXPECT_EQ(bug_of_row([](Row row) { row.set("lable", 1); }),
            "the projector writes column \"lable\" and does not declare it");
  EXPECT_EQ(bug_of_row([](Row row) { row.set("id", 1); }),
            "the projector writes column \"id\" and does not declare it");
  EXPECT_EQ(bug_of_row([](Row row) { row.set("count", 1); }),
            "the projector does not declare \"set\" for column \"count\"");
  EXPECT_EQ(bug_of_row([](Row row) { row.max("low", 1); }),
            "the projector does not declare \"max\" for column \"low\"");
  const auto update = [](Changes& changes) { changes.update({1, "p"}); };
  EXPECT_EQ(bug_of(update), "the projector does not declare that it updates existing rows");
  EXPECT_EQ(bug_of([](Changes& changes) { changes.upsert({1}); }),
            "a key with another number of parts than its table has");
  // Undeclared is a bug whatever the value, even where it would do nothing.
  const Json missing{};
  EXPECT_EQ(bug_of_row([&](Row row) { row.append("label", missing); }),
            "the projector does not declare \"append\" for column \"label\"");
}

}  // namespace
}  // namespace rebuild_projection

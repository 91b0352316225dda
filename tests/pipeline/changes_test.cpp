// Without these tests a value could reach a column changed, or a wrong one without an error that names the column.
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>

#include "pipeline/changes.h"
#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

using Action = ColumnChange::Action;
using Kind = Json::Kind;

constexpr std::size_t label = 0, whole = 1, amount = 2, lowest = 3, seen = 4, tags = 5, ratio = 6, owner = 7;

const TableLayout& table() {
  constexpr Operations plain = Operations(Operation::set) | Operation::init;
  static const TableLayout layout{"t",
                                  {{"id", ColumnType::integer, 0, {}}},
                                  {{"label", ColumnType::text, {}, plain},
                                   {"whole", ColumnType::integer, 0, plain},
                                   {"amount", ColumnType::numeric, 2, plain | Operation::add},
                                   {"lowest", ColumnType::integer, 0, plain | Operation::min},
                                   {"seen", ColumnType::timestamp, {}, plain | Operation::max},
                                   {"tags", ColumnType::array, {}, plain | Operation::append},
                                   {"ratio", ColumnType::floating, {}, plain | Operation::max},
                                   {"owner", ColumnType::uuid, {}, plain}},
                                  true};
  return layout;
}

RowChange change_of(Operation operation, std::size_t column, Json value) {
  const std::array key{Json{Kind::number, "1"}};
  Changes changes(table());
  changes.upsert(key).apply(operation, column, value);
  ChangeSet set(table());
  changes.move_into(set);
  return set.sorted().at(0)->change.clone();
}

/// What is stored for the column: "NULL", a text, or a list as base and elements; "nothing" where it stays as it is.
std::string stored(Operation operation, std::size_t column, Kind kind, std::string_view text) {
  const RowChange change = change_of(operation, column, {kind, text});
  if (change.present.empty()) return "nothing";
  const ValueView value = change.present[0].value;
  if (value.is_null()) return "NULL";
  if (const List* list = value.list()) {
    std::string result = list->base.value_or("-");
    for (const auto& element : list->appended) result += "|" + element.value_or("NULL");
    return result;
  }
  return to_text(value);
}

std::string error_of(Operation operation, std::size_t column, Kind kind, std::string_view text) {
  try {
    change_of(operation, column, {kind, text});
  } catch (const EventError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Changes, TextReachesPlainColumnsAsItIs) {
  EXPECT_EQ(stored(Operation::set, label, Kind::string, " a "), " a ");
  EXPECT_EQ(stored(Operation::set, label, Kind::number, "1.10e1"), "1.10e1");
  EXPECT_EQ(stored(Operation::set, label, Kind::boolean, "true"), "true");
  EXPECT_EQ(stored(Operation::init, label, Kind::object, "{\"a\": 1}"), "{\"a\": 1}");
  EXPECT_EQ(stored(Operation::set, label, Kind::array, "[1]"), "[1]");
  EXPECT_EQ(stored(Operation::set, whole, Kind::string, " 7"), " 7");
}

TEST(Changes, MissingAndNullPerOperation) {
  for (const Operation operation : {Operation::set, Operation::init})
    EXPECT_EQ(stored(operation, label, Kind::missing, ""), "nothing");
  EXPECT_EQ(stored(Operation::set, label, Kind::null, "null"), "NULL");
  EXPECT_EQ(stored(Operation::set, amount, Kind::null, "null"), "NULL");
  EXPECT_EQ(stored(Operation::init, label, Kind::null, "null"), "nothing");
  EXPECT_EQ(stored(Operation::add, amount, Kind::missing, ""), "0");
  EXPECT_EQ(stored(Operation::add, amount, Kind::null, "null"), "0");
  EXPECT_EQ(stored(Operation::min, lowest, Kind::missing, ""), "nothing");
  EXPECT_EQ(stored(Operation::min, lowest, Kind::null, "null"), "nothing");
  EXPECT_EQ(stored(Operation::append, tags, Kind::missing, ""), "nothing");
  EXPECT_EQ(stored(Operation::append, tags, Kind::null, "null"), "-|NULL");
}

TEST(Changes, NumbersAreBroughtToTheColumn) {
  EXPECT_EQ(stored(Operation::add, amount, Kind::number, "1.005"), "1.01");
  EXPECT_EQ(stored(Operation::add, amount, Kind::string, " 3 "), "3.00");
  EXPECT_EQ(stored(Operation::set, amount, Kind::number, "-0.004"), "0.00");
  EXPECT_EQ(stored(Operation::init, amount, Kind::number, "1e2"), "100.00");
  EXPECT_EQ(stored(Operation::min, lowest, Kind::string, "2.0"), "2");
  EXPECT_EQ(stored(Operation::set, whole, Kind::number, "2.0"), "2");
  EXPECT_EQ(stored(Operation::set, whole, Kind::number, "-0"), "0");
  EXPECT_EQ(stored(Operation::set, whole, Kind::number, "1e3"), "1000");
  EXPECT_EQ(stored(Operation::set, whole, Kind::number, "9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(stored(Operation::max, ratio, Kind::number, "0.10"), "0.10");
}

TEST(Changes, TimestampsAndLists) {
  EXPECT_EQ(stored(Operation::max, seen, Kind::string, "2025-01-01T00:00:00+01:00"), "2024-12-31 23:00:00+00");
  EXPECT_EQ(stored(Operation::set, seen, Kind::string, "2025-01-01"), "2025-01-01 00:00:00+00");
  EXPECT_EQ(stored(Operation::append, tags, Kind::string, "a"), "-|a");
  EXPECT_EQ(stored(Operation::append, tags, Kind::number, "1.0"), "-|1.0");
  EXPECT_EQ(stored(Operation::set, tags, Kind::string, "{a,b}"), "{a,b}");
}

TEST(Changes, WhatTheStoreSentInBinary) {
  constexpr std::string_view moment("\x00\x00\x00\x00\x00\x0f\x42\x41", 8);  // 1,000,001 microseconds
  for (const Operation operation : {Operation::set, Operation::init, Operation::max})
    EXPECT_EQ(stored(operation, seen, Kind::moment, moment), "2000-01-01 00:00:01.000001+00");
  constexpr std::string_view uuid("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);
  for (const Operation operation : {Operation::set, Operation::init})
    EXPECT_EQ(stored(operation, owner, Kind::uuid, uuid), "00010203-0405-0607-0809-0a0b0c0d0e0f");
}

TEST(Changes, ErrorsNameTheColumnAndNotTheValue) {
  EXPECT_EQ(error_of(Operation::add, amount, Kind::string, "secret"),
            "column \"amount\" needs a number, the payload has a string");
  EXPECT_EQ(error_of(Operation::add, amount, Kind::boolean, "true"),
            "column \"amount\" needs a number, the payload has a boolean");
  EXPECT_EQ(error_of(Operation::set, amount, Kind::object, "{}"),
            "column \"amount\" needs a number, the payload has an object");
  EXPECT_EQ(error_of(Operation::init, amount, Kind::array, "[]"),
            "column \"amount\" needs a number, the payload has an array");
  EXPECT_EQ(error_of(Operation::add, amount, Kind::number, "1e999999999"),
            "column \"amount\" cannot hold a number of so many digits");
  EXPECT_EQ(error_of(Operation::min, lowest, Kind::boolean, "true"),
            "column \"lowest\" needs an integer, the payload has a boolean");
  for (const Kind kind : {Kind::number, Kind::string})
    EXPECT_EQ(error_of(Operation::min, lowest, kind, "1.4"),
              "column \"lowest\" needs an integer, the payload has a number with a fraction");
  EXPECT_EQ(error_of(Operation::set, whole, Kind::number, "1.4"),
            "column \"whole\" needs an integer, the payload has a number with a fraction");
  EXPECT_EQ(error_of(Operation::max, seen, Kind::string, "soon"),
            "column \"seen\" needs a timestamp, the payload has a string");
  EXPECT_EQ(error_of(Operation::max, seen, Kind::number, "1"),
            "column \"seen\" needs a timestamp, the payload has a number");
  EXPECT_EQ(error_of(Operation::set, label, Kind::invalid, "a lone surrogate"),
            "the value for column \"label\" cannot be read: a lone surrogate");
}

TEST(Changes, UndeclaredOperationsAreBugs) {
  EXPECT_THROW(change_of(Operation::max, lowest, {Kind::number, "1"}), std::logic_error);
  EXPECT_THROW(change_of(Operation::add, label, {Kind::number, "1"}), std::logic_error);
  EXPECT_THROW(change_of(Operation::set, 99, {Kind::number, "1"}), std::logic_error);
}

TEST(Changes, DiscardedChangesAreGone) {
  const std::array key{Json{Kind::number, "1"}};
  Changes changes(table());
  changes.upsert(key).apply(Operation::set, label, {Kind::string, "a"});
  changes.remove(key);
  changes.discard();
  ChangeSet set(table());
  changes.move_into(set);
  EXPECT_TRUE(set.empty());
}

TEST(Changes, AKeyThatFailsLeavesNothingBehind) {
  const std::array key{Json{Kind::number, "1"}}, wrong{Json{Kind::string, "one"}};
  Changes changes(table());
  changes.upsert(key).apply(Operation::set, label, {Kind::string, "a"});
  EXPECT_THROW(changes.upsert(wrong), EventError);
  changes.upsert(key).apply(Operation::set, tags, {Kind::string, "{}"});
  ChangeSet set(table());
  changes.move_into(set);
  ASSERT_EQ(set.size(), 1U);
  EXPECT_EQ(to_text(set.sorted().at(0)->change.present[0].value), "a");
}

TEST(Changes, TextsAreThoseOfTheCall) {
  Changes changes(table());
  ChangeSet set(table());
  {
    std::string gone = "a text that is gone when the change is composed";
    changes.upsert({1}).set("label", gone).append("tags", gone).set("tags", gone);
    gone.assign(gone.size(), 'x');
  }
  changes.move_into(set);
  EXPECT_EQ(to_text(set.sorted().at(0)->change.present[0].value), "a text that is gone when the change is composed");
  EXPECT_EQ(set.sorted().at(0)->change.present[1].value.list()->base,
            "a text that is gone when the change is composed");
}

TEST(Changes, ColumnsAreSortedWhateverTheOrderOfTheCalls) {
  const std::array key{Json{Kind::number, "1"}};
  Changes changes(table());
  changes.update(key)
      .apply(Operation::set, tags, {Kind::string, "{}"})
      .apply(Operation::set, label, {Kind::string, "a"})
      .apply(Operation::add, amount, {Kind::number, "1"});
  ChangeSet set(table());
  changes.move_into(set);
  const RowChange& change = set.sorted().at(0)->change;
  ASSERT_EQ(change.present.size(), 3U);
  EXPECT_EQ(change.present[0].column, label);
  EXPECT_EQ(change.present[1].column, amount);
  EXPECT_EQ(change.present[2].column, tags);
  EXPECT_EQ(change.present[1].action, Action::combine);
  EXPECT_FALSE(change.creates);
}

}  // namespace
}  // namespace rebuild_projection

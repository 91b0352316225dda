// Without these tests the bound on memory could drift away from what is held, and rows be locked in differing orders.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "pipeline/changes.h"
#include "tests/support/plain_rows.h"

namespace rebuild_projection {
namespace {

using Kind = Json::Kind;

const TableLayout& table() {
  static const TableLayout layout{
      "t",
      {{"id", ColumnType::numeric, {}, {}}},
      {{"text", ColumnType::text, {}, Operation::set}, {"list", ColumnType::array, {}, Operation::append}},
      true};
  return layout;
}

enum class Rule { upsert, update, remove };

void add(ChangeSet& set, std::string_view key, Rule rule, std::string_view text = {}) {
  const std::array parts{Json{Kind::number, key}};
  Changes changes(table());
  if (rule == Rule::upsert) changes.upsert(parts).apply(Operation::set, 0, {Kind::string, text});
  if (rule == Rule::update) changes.update(parts).apply(Operation::set, 0, {Kind::string, text});
  if (rule == Rule::remove) changes.remove(parts);
  changes.move_into(set);
}

void append_element(ChangeSet& set, std::string_view key, std::string_view text) {
  const std::array parts{Json{Kind::number, key}};
  Changes changes(table());
  changes.upsert(parts).apply(Operation::append, 1, {Kind::string, text});
  changes.move_into(set);
}

std::vector<std::string> keys_of(const ChangeSet& set) {
  std::vector<std::string> keys;
  for (const ChangeSet::Row* row : set.sorted()) keys.push_back(set.key_text(*row, 0));
  return keys;
}

TEST(ChangeSet, HoldsOneChangePerRowInOneOrder) {
  ChangeSet set(table()), reversed(table());
  for (const char* key : {"3", "1", "20", "1.0", "2"}) add(set, key, Rule::upsert, "x");
  for (const char* key : {"2", "1", "20", "3"}) add(reversed, key, Rule::upsert, "x");
  ASSERT_EQ(set.size(), 4U);
  ASSERT_EQ(reversed.size(), 4U);
  EXPECT_EQ(keys_of(set), keys_of(reversed));
}

TEST(ChangeSet, TheCreatorOfARowSpellsItsKey) {
  const auto key_after = [](std::initializer_list<std::pair<const char*, Rule>> rules) {
    ChangeSet whole(table()), parts(table());
    for (const auto& [key, rule] : rules) {
      add(whole, key, rule);
      ChangeSet one(table());
      add(one, key, rule);
      parts.append(std::move(one));
    }
    EXPECT_EQ(keys_of(whole), keys_of(parts));
    return keys_of(whole).at(0);
  };
  EXPECT_EQ(key_after({{"1.0", Rule::upsert}, {"1.00", Rule::upsert}}), "1.0");
  EXPECT_EQ(key_after({{"1.0", Rule::update}, {"1.00", Rule::upsert}}), "1.00");
  EXPECT_EQ(key_after({{"1.0", Rule::upsert}, {"1", Rule::remove}, {"1.00", Rule::upsert}}), "1.00");
  EXPECT_EQ(key_after({{"1", Rule::remove}, {"1.0", Rule::upsert}, {"1.00", Rule::upsert}}), "1.0");
  EXPECT_EQ(key_after({{"1.0", Rule::upsert}, {"1", Rule::remove}, {"1", Rule::upsert}}), "1");

  ChangeSet first(table()), recreated(table());
  add(first, "1.0", Rule::upsert);
  add(recreated, "1", Rule::remove);
  add(recreated, "1.00", Rule::upsert);
  first.append(std::move(recreated));
  EXPECT_EQ(keys_of(first).at(0), "1.00");
}

TEST(ChangeSet, BytesAreThoseOfItsRowsHoweverTheyCameTogether) {
  for (unsigned seed = 0; seed < 1'000; ++seed) {
    std::mt19937 random(seed);
    const auto steps = plain::random_steps(random, 14);
    SCOPED_TRACE("seed " + std::to_string(seed) + plain::described(steps));
    ChangeSet set = plain::fold(steps, 0, 5);
    set.append(plain::fold(steps, 5, 9));
    ChangeSet none(plain::table());
    none.append(std::move(set));
    none.append(plain::fold(steps, 9, 14));
    // What the rows say they hold; what the table of rows holds is the same with nothing in them.
    std::size_t of_rows = 0;
    ChangeSet hollow(plain::table());
    for (const ChangeSet::Row* row : none.sorted()) {
      of_rows += row->change.heap_bytes();
      hollow.add(row->key(), {}, RowChange::remove());
    }
    ASSERT_EQ(none.bytes() - hollow.bytes(), of_rows);
    none.clear();
    ASSERT_EQ(none.bytes(), 0U);
    ASSERT_TRUE(none.empty());
  }
}

TEST(ChangeSet, FindsEachOfManyRows) {
  constexpr int rows = 5'000;
  ChangeSet set(table());
  for (int round = 0; round < 2; ++round)
    for (int i = 1; i <= rows; ++i)
      add(set, std::to_string(i) + (i % 3 == 0 ? std::string(40, '7') : ""), Rule::upsert, std::to_string(i));
  EXPECT_EQ(set.size(), std::size_t{rows});
  for (const ChangeSet::Row* row : set.sorted()) {
    const std::string text = to_text(row->change.present[0].value);
    EXPECT_EQ(set.key_text(*row, 0), text + (std::stoi(text) % 3 == 0 ? std::string(40, '7') : ""));
  }
}

TEST(ChangeSet, BytesFollowTheTextsHeld) {
  constexpr std::size_t length = 1'000'000;
  ChangeSet set(table());
  EXPECT_EQ(set.bytes(), 0U);
  add(set, "1", Rule::upsert, "short");
  EXPECT_EQ(set.size(), 1U);
  const std::size_t before = set.bytes();
  EXPECT_GT(before, sizeof(ChangeSet::Row));
  EXPECT_LT(before, 20'000U);  // rows come by the hundred
  add(set, "1", Rule::upsert, std::string(length, 'x'));
  EXPECT_GT(set.bytes(), length);
  EXPECT_LT(set.bytes(), length + length / 4 + 20'000);
  add(set, "1", Rule::upsert, "short");
  EXPECT_EQ(set.size(), 1U);
  EXPECT_LT(set.bytes(), before + 300);
  add(set, "1", Rule::remove);
  EXPECT_EQ(set.size(), 1U);
  EXPECT_LE(set.bytes(), before);
}

TEST(ChangeSet, BytesFollowTheElementsAppended) {
  ChangeSet set(table());
  for (int i = 0; i < 1'000; ++i) append_element(set, "1", std::string(1'000, 'x'));
  EXPECT_EQ(set.size(), 1U);
  EXPECT_GT(set.bytes(), 1'000'000U);
  EXPECT_LT(set.bytes(), 1'200'000U);
  add(set, "1", Rule::remove);
  EXPECT_EQ(set.size(), 1U);
  EXPECT_LT(set.bytes(), 20'000U);
}

TEST(ChangeSet, AppendLeavesTheOtherEmpty) {
  ChangeSet first(table()), later(table());
  add(first, "1", Rule::upsert, "a");
  add(later, "1", Rule::update, "b");
  add(later, "2", Rule::upsert, "c");
  first.append(std::move(later));
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(later.size(), 0U);  // NOLINT(bugprone-use-after-move): what is left is part of the contract
  EXPECT_EQ(later.bytes(), 0U);
}

}  // namespace
}  // namespace rebuild_projection

// Without these tests the rows could depend on how events were cut into batches and pages: the algebra is what
// everything concurrent in the engine rests on.
#include "pipeline/changes.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/plain_rows.h"

namespace rebuild_projection {
namespace {

using Action = ColumnChange::Action;

/// One random case: a history of changes, and a table it meets.
struct Case {
  explicit Case(unsigned seed) : random(seed) {
    steps = plain::random_steps(random, 1 + random() % 14);
    before = plain::random_rows(random);
    defaults = plain::random_cells(random);
    expected = before;
    plain::simulate(expected, defaults, steps);
  }
  std::string after(const ChangeSet& changes) const {
    plain::Rows rows = before;
    plain::apply(rows, defaults, changes);
    return plain::described(rows);
  }
  std::size_t cut(std::size_t from = 0) {
    return std::uniform_int_distribution<std::size_t>(from, steps.size())(random);
  }

  std::mt19937 random;
  std::vector<plain::Step> steps;
  plain::Rows before, expected;
  plain::Cells defaults;
};

constexpr unsigned cases = 20'000;

TEST(Composition, FoldOfTheWholeDoesWhatTheStepsDoOneByOne) {
  for (unsigned seed = 0; seed < cases; ++seed) {
    const Case one(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + plain::described(one.steps));
    ASSERT_EQ(one.after(plain::fold(one.steps, 0, one.steps.size())), plain::described(one.expected));
  }
}

TEST(Composition, FoldOfTheWholeIsTheCompositionOfTheFoldsOfItsParts) {
  for (unsigned seed = 0; seed < cases; ++seed) {
    Case one(seed);
    const std::size_t cut = one.cut(), end = one.steps.size();
    SCOPED_TRACE("seed " + std::to_string(seed) + ", cut at " + std::to_string(cut) + plain::described(one.steps));
    ChangeSet parts = plain::fold(one.steps, 0, cut);
    parts.append(plain::fold(one.steps, cut, end));
    ASSERT_EQ(plain::described(parts), plain::described(plain::fold(one.steps, 0, end)));
    ASSERT_EQ(one.after(parts), plain::described(one.expected));
  }
}

TEST(Composition, ChangesComposedOneByOneAreTheCompositionOfWholeChanges) {
  for (unsigned seed = 0; seed < cases; ++seed) {
    const Case one(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + plain::described(one.steps));
    ChangeSet whole(plain::table());
    for (std::size_t i = 0; i < one.steps.size(); ++i) {
      const ChangeSet step = plain::fold(one.steps, i, i + 1);
      for (const ChangeSet::Row* row : step.sorted()) whole.add(row->key(), {}, row->change.clone());
    }
    ASSERT_EQ(plain::described(whole), plain::described(plain::fold(one.steps, 0, one.steps.size())));
  }
}

TEST(Composition, PartsCommittedOneByOneGiveTheRowsOfTheWhole) {
  for (unsigned seed = 0; seed < cases; ++seed) {
    Case one(seed);
    const std::size_t cut = one.cut(), end = one.steps.size();
    SCOPED_TRACE("seed " + std::to_string(seed) + ", cut at " + std::to_string(cut) + plain::described(one.steps));
    plain::Rows rows = one.before;
    plain::apply(rows, one.defaults, plain::fold(one.steps, 0, cut));
    plain::apply(rows, one.defaults, plain::fold(one.steps, cut, end));
    ASSERT_EQ(plain::described(rows), plain::described(one.expected));
  }
}

TEST(Composition, IsAssociative) {
  for (unsigned seed = 0; seed < cases; ++seed) {
    Case one(seed);
    const std::size_t end = one.steps.size(), i = one.cut(), j = one.cut(i);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", cuts at " + std::to_string(i) + ", " + std::to_string(j) +
                 plain::described(one.steps));
    ChangeSet left = plain::fold(one.steps, 0, i);
    left.append(plain::fold(one.steps, i, j));
    left.append(plain::fold(one.steps, j, end));

    ChangeSet later = plain::fold(one.steps, i, j);
    later.append(plain::fold(one.steps, j, end));
    ChangeSet right = plain::fold(one.steps, 0, i);
    right.append(std::move(later));

    ASSERT_EQ(plain::described(left), plain::described(right));
    ASSERT_EQ(one.after(right), plain::described(one.expected));
  }
}

TEST(Composition, ACloneIsIndependent) {
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    const Case one(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + plain::described(one.steps));
    const ChangeSet whole = plain::fold(one.steps, 0, one.steps.size());
    ChangeSet clones(plain::table());
    for (const ChangeSet::Row* row : whole.sorted()) {
      clones.add(row->key(), {}, row->change.clone());
      RowChange twice = row->change.clone();
      compose(plain::table(), twice, row->change.clone());
    }
    ASSERT_EQ(plain::described(clones), plain::described(whole));
  }
}

/// The change of row 1 under these steps.
class OneRow {
 public:
  template <class Fill>
  OneRow& upsert(Fill&& fill) {
    Changes::Row row = changes_.upsert(key_);
    fill(row);
    return *this;
  }
  RowChange change() {
    ChangeSet set(plain::table());
    changes_.move_into(set);
    return set.sorted().at(0)->change.clone();
  }

 private:
  std::array<Json, 1> key_{Json{Json::Kind::number, "1"}};
  Changes changes_{plain::table()};
};

constexpr std::size_t label = 0, count = 3;
Json number(std::string_view text) {
  return {Json::Kind::number, text};
}

TEST(Composition, InitThenAddKeepsBothAnswers) {
  const RowChange change = OneRow()
                               .upsert([](Changes::Row& row) { row.apply(Operation::init, count, number("5")); })
                               .upsert([](Changes::Row& row) { row.apply(Operation::add, count, number("1")); })
                               .change();
  ASSERT_EQ(change.present.size(), 1U);
  EXPECT_EQ(change.present[0].action, Action::combine);
  EXPECT_EQ(to_text(change.present[0].when_null()), "6");
  EXPECT_EQ(to_text(change.present[0].value), "1");
}

TEST(Composition, PlainUpsertsAreStoredOnce) {
  const RowChange change = OneRow()
                               .upsert([](Changes::Row& row) { row.apply(Operation::set, label, number("5")); })
                               .upsert([](Changes::Row& row) { row.apply(Operation::add, count, number("1")); })
                               .change();
  EXPECT_TRUE(change.same);
  EXPECT_TRUE(change.absent.empty());
  EXPECT_EQ(change.present.size(), 2U);
}

TEST(Composition, WhatAValueOfNullIsEqualToIsNotStored) {
  const RowChange change = OneRow()
                               .upsert([](Changes::Row& row) { row.apply(Operation::init, count, number("0")); })
                               .upsert([](Changes::Row& row) { row.apply(Operation::add, count, number("1")); })
                               .change();
  ASSERT_EQ(change.present.size(), 1U);
  EXPECT_TRUE(change.present[0].if_null.is_null());
}

TEST(Value, EqualityIsOfSpellingToo) {
  EXPECT_TRUE(equal(Value(Null{}), Value(Null{})));
  EXPECT_FALSE(equal(Value(Null{}), Value(std::string())));
  EXPECT_FALSE(equal(Value(Decimal::parse("1.0").value()), Value(Decimal::parse("1.00").value())));
  EXPECT_TRUE(equal(Value(Decimal::parse("1.0").value()), Value(Decimal::parse("1.0").value())));
  Value list = std::make_unique<List>(List{"{}", {"a", std::nullopt}});
  EXPECT_TRUE(equal(list, copy(list)));
  std::get<std::unique_ptr<List>>(list)->appended.pop_back();
  EXPECT_FALSE(equal(list, Value(std::make_unique<List>(List{"{}", {"a", std::nullopt}}))));
}

}  // namespace
}  // namespace rebuild_projection

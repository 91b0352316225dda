// Without this file a row that a failed transaction wrote could be taken for one that is there, or a table that outgrew
// what may be remembered for a small one.
#include "stages/commit/known_rows.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace rebuild_projection {
namespace {

using Presence = KnownRows::Presence;

constexpr std::size_t plenty = std::size_t{1} << 24;

TEST(KnownRows, KnowsWhatWasCommitted) {
  KnownRows rows(plenty);
  rows.wrote("a", true);
  EXPECT_EQ(rows.of("a"), Presence::unknown);
  rows.commit();
  EXPECT_EQ(rows.of("a"), Presence::present);
  EXPECT_EQ(rows.of("b"), Presence::unknown);
  rows.wrote("a", false);
  rows.roll_back();
  rows.wrote("b", true);
  const std::size_t mark = rows.mark();
  rows.wrote("c", true);
  rows.roll_back_to(mark);
  rows.commit();
  EXPECT_EQ(rows.of("a"), Presence::present);
  EXPECT_EQ(rows.of("b"), Presence::present);
  EXPECT_EQ(rows.of("c"), Presence::unknown);
}

TEST(KnownRows, KnowsAllOfATableThatWasEmpty) {
  KnownRows rows(plenty);
  rows.wrote("a", true);
  rows.commit();
  rows.found_empty();
  EXPECT_EQ(rows.of("a"), Presence::absent);
  rows.roll_back();
  EXPECT_EQ(rows.of("a"), Presence::present);
  EXPECT_EQ(rows.of("b"), Presence::unknown);
  rows.found_empty();
  rows.wrote("b", true);
  rows.commit();
  EXPECT_EQ(rows.of("a"), Presence::absent);
  EXPECT_EQ(rows.of("b"), Presence::present);
  rows.forget();
  EXPECT_EQ(rows.of("b"), Presence::unknown);
}

TEST(KnownRows, IsASet) {
  std::minstd_rand random(7);
  KnownRows rows(plenty);
  rows.found_empty();
  std::set<std::string> expected;
  for (int round = 0; round < 300; ++round) {
    for (int change = 0; change < 100; ++change) {
      const std::string key = std::to_string(random() % 6'000);
      const bool present = random() % 100 < (round < 150 ? 70 : 30);
      rows.wrote(key, present);
      if (present)
        expected.insert(key);
      else
        expected.erase(key);
    }
    rows.commit();
  }
  for (int key = 0; key < 6'000; ++key)
    EXPECT_EQ(rows.of(std::to_string(key)),
              expected.contains(std::to_string(key)) ? Presence::present : Presence::absent)
        << key;
}

TEST(KnownRows, StaysWithinItsMemory) {
  KnownRows rows(std::size_t{64} << 10);  // 4,096 places, and the half of them while they grow
  rows.found_empty();
  for (int key = 0; key < 10'000; ++key) {
    rows.wrote(std::to_string(key), true);
    if (key % 1'000 == 999) rows.commit();
  }
  EXPECT_EQ(rows.of("0"), Presence::present);
  EXPECT_EQ(rows.of("3071"), Presence::present);
  EXPECT_EQ(rows.of("3072"), Presence::unknown);
  EXPECT_EQ(rows.of("no key"), Presence::unknown);
  rows.wrote("0", false);
  rows.commit();
  EXPECT_EQ(rows.of("0"), Presence::unknown);
}

TEST(KnownRows, ForgetsWhereATransactionWritesMoreThanItMayRemember) {
  for (const bool undone : {false, true}) {
    KnownRows rows(std::size_t{64} << 10);  // 4,096 rows of a transaction
    rows.wrote("a", true);
    rows.commit();
    const std::size_t mark = rows.mark();
    rows.wrote("b", true);
    for (int key = 0; key < 10'000; ++key) rows.wrote(std::to_string(key), false);
    rows.roll_back_to(mark);
    if (undone) rows.roll_back();
    rows.commit();
    EXPECT_EQ(rows.of("a"), undone ? Presence::present : Presence::unknown);
    EXPECT_EQ(rows.of("b"), Presence::unknown);
    rows.wrote("c", true);
    rows.commit();
    EXPECT_EQ(rows.of("c"), Presence::present);
  }
}

}  // namespace
}  // namespace rebuild_projection

// Without these tests a change could be lost, or come out otherwise, on its way through a temporary file.
#include "pipeline/sorted_runs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>

#include "pipeline/changes.h"
#include "tests/support/plain_rows.h"
#include "tests/support/program.h"

namespace rebuild_projection {
namespace {

using Kind = Json::Kind;

void add(ChangeSet& set, const ChangeSet& later) {
  for (const ChangeSet::Row* row : later.sorted()) set.add(row->key(), later.spelling(*row), row->change.clone());
}

/// All of a set's rows in memory again; each part is later than the one before.
ChangeSet gathered(const ChangeSet& set, std::size_t& parts, std::size_t bytes = 1) {
  ChangeSet result(set.table());
  parts = 0;
  std::string last;
  set.for_parts(bytes, [&](const ChangeSet& part) {
    ++parts;
    for (const ChangeSet::Row* row : part.sorted()) {
      EXPECT_TRUE(last.empty() || last < row->key());
      last = row->key();
    }
    add(result, part);
  });
  return result;
}

TEST(SortedRuns, GiveBackWhatTheStepsMadeWhereverTheyWereCut) {
  const test::Folder folder;
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    std::mt19937 random(seed);
    const auto steps = plain::random_steps(random, 1 + random() % 40);
    SCOPED_TRACE("seed " + std::to_string(seed) + plain::described(steps));
    ChangeSet set(plain::table());
    std::size_t begin = 0, spilled = 0;
    while (begin < steps.size()) {
      const std::size_t end = std::min(begin + 1 + random() % 10, steps.size());
      add(set, plain::fold(steps, begin, end));
      begin = end;
      if (random() % 3 == 0) continue;
      set.spill(folder.path());
      ++spilled;
      ASSERT_EQ(set.size(), 0U);
      ASSERT_FALSE(set.empty());
    }
    ASSERT_EQ(set.spilled_bytes() > 0, spilled > 0);
    const ChangeSet whole = plain::fold(steps, 0, steps.size());
    std::size_t parts = 0;
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{1} << 20}) {
      ASSERT_EQ(plain::described(gathered(set, parts, bytes)), plain::described(whole));
      ASSERT_EQ(parts, spilled > 0 && bytes == 1 ? whole.size() : 1U);
    }
    ASSERT_EQ(set.removes(), whole.removes());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));  // the files have no names
}

const TableLayout& table() {
  static const TableLayout layout{"t",
                                  {{"id", ColumnType::text, {}, {}}},
                                  {{"text", ColumnType::text, {}, Operation::set},
                                   {"sum", ColumnType::numeric, {}, Operation::add},
                                   {"list", ColumnType::array, {}, Operation::append}},
                                  true};
  return layout;
}

void write(ChangeSet& set, std::string_view key, const Json& text, std::string_view number) {
  const std::array parts{Json{Kind::string, key}};
  Changes changes(table());
  changes.upsert(parts)
      .apply(Operation::set, 0, text)
      .apply(Operation::add, 1, {Kind::number, number})
      .apply(Operation::append, 2, text);
  changes.move_into(set);
}

/// The only row's columns, and how the list ends.
std::string described(const ChangeSet& set) {
  const ChangeSet::Row& row = *set.sorted().at(0);
  std::string result = std::string(row.key()) + '|';
  const ColumnChange text = row.change.present[0];
  result += (text.value.is_null() ? "NULL" : to_text(text.value)) + '|' + to_text(row.change.present[1].value) + '|';
  const List& list = *row.change.present[2].value.list();
  for (const auto& element : list.appended) result += element.value_or("NULL") + ',';
  return result;
}

TEST(SortedRuns, KeepValuesOfAnySize) {
  const test::Folder folder;
  const std::string large(3'000'000, 'x'), key = "a key longer than what a row holds of it, \"quoted\" and \n cut";
  const std::string digits = "-123456789012345678901234567890.125", most = "9223372036854775807",
                    least = "-9223372036854775808.00";
  ChangeSet set(table()), whole(table());
  for (ChangeSet* one : {&set, &whole}) {
    for (const auto& [text, number] : {std::pair{Json{Kind::string, large}, std::string_view(digits)},
                                       {Json{Kind::string, ""}, most},
                                       {Json{Kind::null, ""}, least},
                                       {Json{Kind::string, std::string_view("\0\x7F\x80\xFF", 4)}, "0"}}) {
      write(*one, key, text, number);
      if (one == &set) one->spill(folder.path());
    }
  }
  std::size_t parts = 0;
  EXPECT_EQ(described(gathered(set, parts)), described(whole));
  EXPECT_EQ(parts, 1U);
}

TEST(SortedRuns, AKeyIsSpelledAsItsCreatorSpelledIt) {
  const test::Folder folder;
  const TableLayout numbers{
      "t", {{"id", ColumnType::numeric, {}, {}}}, {{"text", ColumnType::text, {}, Operation::set}}, true};
  ChangeSet set(numbers);
  for (const char* key : {"1.00", "1.0"}) {
    const std::array parts{Json{Kind::number, key}};
    Changes changes(numbers);
    changes.upsert(parts);
    changes.move_into(set);
    set.spill(folder.path());
  }
  set.for_parts(1, [](const ChangeSet& part) { EXPECT_EQ(part.key_text(*part.sorted().at(0), 0), "1.00"); });
}

TEST(SortedRuns, WithoutRoomNothingChanges) {
  const test::Folder folder;
  ChangeSet set(table());
  const std::string text(100'000, 'x');
  write(set, "a", {Kind::string, "first"}, "1");
  EXPECT_THROW(set.spill(folder.path() + "/missing"), std::system_error);
  EXPECT_EQ(set.spilled_bytes(), 0U);
  set.spill(folder.path());
  const std::uint64_t spilled = set.spilled_bytes();
  write(set, "b", {Kind::string, text}, "2");

  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{50'000, before.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(set.spill(folder.path()), std::system_error);
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_DFL);

  EXPECT_EQ(set.spilled_bytes(), spilled);
  EXPECT_EQ(set.size(), 1U);
  std::size_t parts = 0;
  EXPECT_EQ(gathered(set, parts).size(), 2U);
  set.spill(folder.path());
  EXPECT_EQ(gathered(set, parts).size(), 2U);
}

}  // namespace
}  // namespace rebuild_projection

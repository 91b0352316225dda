// Without this file the texts of an event could move while the page grows, and types of one page could be mixed up.
#include "pipeline/page.h"

#include <gtest/gtest.h>

#include <string>

namespace rebuild_projection {
namespace {

TEST(TextArena, KeepsTextsWhereTheyAreWithReadableBytesBehindEach) {
  for (const std::size_t likely : {std::size_t{0}, std::size_t{10}, std::size_t{100'000}}) {
    TextArena arena(likely);
    std::vector<std::string_view> texts;
    std::size_t bytes = 0;
    for (std::size_t size = 0; size < 3'000; size += 1 + size / 7) {
      texts.push_back(arena.copy(std::string(size, static_cast<char>('a' + size % 26))));
      char* const room = arena.room(size + 50);  // more than is kept
      std::fill(room, room + size + 50, '!');
      texts.push_back(arena.keep(size / 2));
      bytes += size + size / 2;
    }
    EXPECT_EQ(arena.bytes(), bytes);
    const TextArena moved = std::move(arena);
    unsigned char any = 0;
    for (std::size_t number = 0, size = 0; number < texts.size(); number += 2, size += 1 + size / 7) {
      EXPECT_EQ(texts[number], std::string(size, static_cast<char>('a' + size % 26)));
      EXPECT_EQ(texts[number + 1], std::string(size / 2, '!'));
      for (const std::string_view text : {texts[number], texts[number + 1]})
        for (std::size_t behind = 0; behind < 64 && !text.empty(); ++behind)
          any |= static_cast<unsigned char>(text.data()[text.size() + behind]);  // a sanitizer sees what is not there
    }
    EXPECT_NE(any, 0);
  }
}

TEST(PageTypes, AreNumberedInTheOrderInWhichTheyCome) {
  std::vector<std::string> names;
  for (int number = 0; number < 5'000; ++number) names.push_back("type " + std::to_string(number * 7919 % 5'000));
  PageTypes types;
  EXPECT_EQ(types.find("type 0"), PageTypes::unknown);
  for (std::uint32_t number = 0; number < names.size(); ++number) {
    EXPECT_EQ(types.find(names[number]), PageTypes::unknown);
    EXPECT_EQ(types.add(names[number]), number);
    EXPECT_EQ(types.find(std::string(names[number / 2])), number / 2);
  }
  EXPECT_EQ(types.size(), names.size());
  EXPECT_EQ(types.find("type"), PageTypes::unknown);
  EXPECT_EQ(types[4'999], names[4'999]);
}

TEST(PageTypes, AnswersAreAskedOncePerType) {
  PageTypes types;
  types.add("a");
  types.add("b");
  int asked = 0;
  TypeAnswers is_b(types);
  const auto question = [&](std::string_view type) { return ++asked, type == "b"; };
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(is_b(1, question));
    EXPECT_FALSE(is_b(0, question));
  }
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace rebuild_projection

// Without this file a key or a position with a comma in it could be taken for two.
#include "tools/quoted_list.h"

#include <gtest/gtest.h>

namespace rebuild_projection {
namespace {

/// "name=value|value", or "none".
std::string read(std::string_view text) {
  const auto list = read_quoted_list(text);
  if (!list) return "none";
  std::string result;
  for (const ListedValue& one : *list)
    result += (result.empty() ? "" : "|") + (one.name ? *one.name + "=" : "") + one.value;
  return result;
}

TEST(QuotedList, ReadsValuesWithAndWithoutNames) {
  EXPECT_EQ(read("A-1"), "A-1");
  EXPECT_EQ(read("a=1, b = 2 ,c"), "a=1|b=2|c");
  EXPECT_EQ(read("2025-02-01 00:00:00+00, 550e"), "2025-02-01 00:00:00+00|550e");
  EXPECT_EQ(read("a=b=c"), "a=b=c");
}

TEST(QuotedList, TakesWhatIsQuotedAsItIs) {
  EXPECT_EQ(read(R"("a,b=c")"), "a,b=c");
  EXPECT_EQ(read(R"("a ""b"" ")"), R"(a "b" )");
  EXPECT_EQ(read(R"("the, name" = "", x="1")"), "the, name=|x=1");
  EXPECT_EQ(read(R"(a "b")"), R"(a "b")");
}

TEST(QuotedList, RefusesWhatIsNoList) {
  for (const char* text : {"", " ", ",", "a,", ",a", "a,,b", "=1", "a=", "\"a", "\"a\"b", "a=\"b\"c", "a=\"b"})
    EXPECT_EQ(read(text), "none") << text;
}

}  // namespace
}  // namespace rebuild_projection

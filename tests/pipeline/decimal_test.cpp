// Without these tests money could be off by a digit: sums, comparisons and rounding that differ from PostgreSQL's
// numeric.
#include "pipeline/decimal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace rebuild_projection {
namespace {

// What `SELECT '…'::numeric` of PostgreSQL 15 answers; empty where it refuses.
TEST(Decimal, ReadsWhatNumericReads) {
  const std::vector<std::pair<std::string, std::string>> answers{
      {"5.", "5"},
      {".5", "0.5"},
      {".", ""},
      {"", ""},
      {" ", ""},
      {"-", ""},
      {"1e2", "100"},
      {"1E+2", "100"},
      {"1.5e-3", "0.0015"},
      {"1.5e3", "1500"},
      {" 12 ", "12"},
      {"\t-1\n", "-1"},
      {"+7", "7"},
      {"--7", ""},
      {"+-7", ""},
      {"1 2", ""},
      {"0e999999999", "0"},
      {"0e1073741822", "0"},
      {"0e1073741823", ""},
      {"0e-5", "0.00000"},
      {"-0.00", "0.00"},
      {"00012.50", "12.50"},
      {"5.e1", "50"},
      {".5e1", "5"},
      {"1e", ""},
      {"1e+", ""},
      {"e5", ""},
      {"1.2.3", ""},
      {"12a", ""},
      {"0x10", ""},
      {"NaN", ""},
      {"Infinity", ""},
      {"1e-2147483648", ""},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808", "9223372036854775808"},
      {"-0.00000000000000000000000000010", "-0.00000000000000000000000000010"},
      {"123456789012345678901234567890.12345", "123456789012345678901234567890.12345"},
  };
  for (const auto& [text, expected] : answers) {
    SCOPED_TRACE(text);
    const auto number = Decimal::parse(text);
    EXPECT_EQ(number ? number->to_text() : "", expected);
  }
}

TEST(Decimal, HoldsAsManyDigitsAsNumericAndNoMore) {
  EXPECT_EQ(Decimal::parse("1e131071").value().to_text(), "1" + std::string(131'071, '0'));
  EXPECT_EQ(Decimal::parse("0.1e131072").value().to_text(), "1" + std::string(131'071, '0'));
  EXPECT_FALSE(Decimal::parse("1e131072"));
  EXPECT_FALSE(Decimal::parse(std::string(131'073, '9')));
  EXPECT_EQ(Decimal::parse(std::string(131'072, '9')).value().to_text(), std::string(131'072, '9'));
  EXPECT_EQ(Decimal::parse("1e-16383").value().to_text(), "0." + std::string(16'382, '0') + "1");
  EXPECT_FALSE(Decimal::parse("1e-16384"));
  EXPECT_FALSE(Decimal::parse("0e-16384"));
  EXPECT_FALSE(Decimal::parse("0." + std::string(16'384, '1')));
}

TEST(Decimal, RefusesHugeExponentsWithoutMakingTheirDigits) {
  // Each of these would need more memory than there is.
  for (const char* text :
       {"1e999999999", "-1e1073741822", "1e99999999999999999999", "1e-999999999", "1e-99999999999999999999"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(Decimal::parse(text));
  }
}

// What PostgreSQL 15 answers to a cast to numeric(p, s).
TEST(Decimal, RoundsHalfAwayFromZero) {
  struct Case {
    const char* text;
    int scale;
    const char* expected;
  };
  for (const Case& one :
       {Case{"2.5", 0, "3"}, Case{"-2.5", 0, "-3"}, Case{"2.4999", 0, "2"}, Case{"1.005", 2, "1.01"},
        Case{"-1.005", 2, "-1.01"}, Case{"12345", -2, "12300"}, Case{"12350", -2, "12400"}, Case{"-0.004", 2, "0.00"},
        Case{"49", -2, "0"}, Case{"50", -2, "100"}, Case{"1.5", 3, "1.500"}, Case{"7", 2, "7.00"},
        Case{"0.10", 2, "0.10"}, Case{"9223372036854775807", 2, "9223372036854775807.00"},
        Case{"99999999999999999999.995", 2, "100000000000000000000.00"}}) {
    SCOPED_TRACE(one.text);
    EXPECT_EQ(Decimal::parse(one.text).value().rounded(one.scale).to_text(), one.expected);
  }
}

TEST(Decimal, KnowsWhetherItIsIntegral) {
  for (const char* text :
       {"2", "2.0", "-2.000", "0.00", "1e3", "123456789012345678901234567890.0", "0.00000000000000000000"})
    EXPECT_TRUE(Decimal::parse(text).value().is_integral()) << text;
  for (const char* text :
       {"2.5", "0.1", "-2.0001", "1e-1", "123456789012345678901234567890.5", "0.00000000000000000001"})
    EXPECT_FALSE(Decimal::parse(text).value().is_integral()) << text;
}

TEST(Decimal, HasOneCanonicalTextForEqualNumbers) {
  const std::vector<std::vector<std::string>> groups{
      {"0", "-0", "0.000", "-0.0", "0e7"},
      {"100", "1e2", "100.0", "0100.00"},
      {"-1.1", "-1.10", "-11e-1"},
      {"123456789012345678901234567890", "123456789012345678901234567890.000"},
  };
  for (const auto& group : groups)
    for (const auto& text : group) {
      EXPECT_EQ(Decimal::parse(text).value().to_canonical_text(), Decimal::parse(group.front()).value().to_text())
          << text;
      EXPECT_EQ(Decimal::parse(text).value(), Decimal::parse(group.front()).value()) << text;
    }
}

// What PostgreSQL 15 answers to the sum.
TEST(Decimal, SumsKeepTheLargerScaleAndGrowBeyond64Bits) {
  const auto sum = [](const char* left, const char* right) {
    Decimal result = Decimal::parse(left).value();
    result += Decimal::parse(right).value();
    return result.to_text();
  };
  EXPECT_EQ(sum("1.10", "2.205"), "3.305");
  EXPECT_EQ(sum("9223372036854775807", "1.0"), "9223372036854775808.0");
  EXPECT_EQ(sum("-9223372036854775808", "-1"), "-9223372036854775809");
  EXPECT_EQ(sum("9223372036854775808", "-1"), "9223372036854775807");
  EXPECT_EQ(sum("99999999999999999.99", "0.01"), "100000000000000000.00");
  EXPECT_EQ(sum("1e20", "1e-20"), "100000000000000000000.00000000000000000001");
  EXPECT_EQ(sum("1.50", "-1.5"), "0.00");
  EXPECT_EQ(sum("1", "1e-20"), "1.00000000000000000001");
  EXPECT_EQ(sum("0", "1e-20"), "0.00000000000000000001");
  EXPECT_LT(Decimal::parse("1e-20").value(), Decimal(1));
  EXPECT_GT(Decimal::parse("1e-20").value(), Decimal(0));
  EXPECT_GT(Decimal::parse("1e-20").value(), Decimal(-1));
}

TEST(Decimal, CopiesAndMovesNumbersOfAnySize) {
  const Decimal big = Decimal::parse("123456789012345678901234567890").value();
  Decimal copied = big;
  copied += Decimal(1);
  EXPECT_EQ(big.to_text(), "123456789012345678901234567890");
  EXPECT_EQ(copied.to_text(), "123456789012345678901234567891");
  const Decimal moved = std::move(copied);
  EXPECT_EQ(moved.to_text(), "123456789012345678901234567891");
  copied = Decimal(7);
  EXPECT_EQ(copied.to_text(), "7");
  copied = big;
  EXPECT_EQ(copied, big);
  EXPECT_GT(big.heap_bytes(), 0U);
  EXPECT_EQ(Decimal(7).heap_bytes(), 0U);
}

// The same numbers as integers of 128 bits, in units of 10^-scale.
__extension__ typedef __int128 Wide;

struct Plain {
  Wide units = 0;
  int scale = 0;
};

Wide power(int exponent) {
  return exponent == 0 ? 1 : 10 * power(exponent - 1);
}

std::string text_of(Plain number) {
  const bool negative = number.units < 0;
  Wide rest = negative ? -number.units : number.units;
  std::string text;
  for (int digit = 0; rest != 0 || digit <= number.scale; ++digit, rest /= 10) {
    if (digit == number.scale && digit != 0) text.insert(0, 1, '.');
    text.insert(0, 1, static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  return negative ? "-" + text : text;
}

Plain random_number(std::mt19937_64& random) {
  // All sizes alike, so that many sums and scalings cross the border of 64 bits.
  const int digits = std::uniform_int_distribution<int>(0, 20)(random);
  Wide units = 0;
  for (int i = 0; i < digits; ++i) units = units * 10 + std::uniform_int_distribution<int>(0, 9)(random);
  if (random() % 2 == 0) units = -units;
  return {units, std::uniform_int_distribution<int>(0, 8)(random)};
}

TEST(Decimal, AgreesWith128BitArithmetic) {
  constexpr unsigned seed = 20250201;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const Plain a = random_number(random);
    const Plain b = random() % 8 == 0 ? Plain{a.units * 10, a.scale + 1} : random_number(random);
    SCOPED_TRACE(text_of(a) + " and " + text_of(b));
    Decimal left = Decimal::parse(text_of(a)).value();
    const Decimal right = Decimal::parse(text_of(b)).value();
    ASSERT_EQ(left.to_text(), text_of(a));

    const int scale = std::max(a.scale, b.scale);
    const Wide x = a.units * power(scale - a.scale), y = b.units * power(scale - b.scale);
    ASSERT_EQ(left < right, x < y);
    ASSERT_EQ(left == right, x == y);
    ASSERT_EQ(left > right, x > y);
    ASSERT_EQ(left.is_integral(), a.units % power(a.scale) == 0);
    ASSERT_EQ(left == right, left.to_canonical_text() == right.to_canonical_text());

    const int to = std::uniform_int_distribution<int>(-3, 10)(random);
    Plain rounded{a.units * power(std::max(to - a.scale, 0)), std::max(to, 0)};
    if (to < a.scale) {
      const Wide unit = power(a.scale - to);
      const Wide rest = a.units % unit;
      rounded.units = (a.units - rest) / unit;
      if (2 * (rest < 0 ? -rest : rest) >= unit) rounded.units += a.units < 0 ? -1 : 1;
      rounded.units *= power(std::max(-to, 0));
    }
    ASSERT_EQ(left.rounded(to).to_text(), text_of(rounded)) << "rounded to " << to;

    left += right;
    ASSERT_EQ(left.to_text(), text_of({x + y, scale}));
  }
}

}  // namespace
}  // namespace rebuild_projection

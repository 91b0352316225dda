// Without this file two uuids could be taken for one row, or one uuid in two spellings for two.
#include "pipeline/uuid.h"

#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <random>
#include <string>

namespace rebuild_projection {
namespace {

/// By the C library, digit by digit.
std::string printed(const Uuid& uuid) {
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", uuid[i]);
    text += (i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "") + std::string(digits.data());
  }
  return text;
}

TEST(Uuid, IsPrintedAndReadAsPostgresDoes) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    Uuid uuid;
    for (unsigned char& byte : uuid) byte = static_cast<unsigned char>(random());
    const std::string expected = printed(uuid);
    std::string text(printed_uuid_size, '?');
    print_uuid(uuid.data(), text.data());
    ASSERT_EQ(text, expected);
    Uuid again{};
    ASSERT_TRUE(read_uuid(text, again));
    ASSERT_EQ(again, uuid);
    // Any other character in place of one: what is read is what the digits say, or nothing.
    const std::size_t place = random() % text.size();
    text[place] = static_cast<char>(random());
    const bool is_hyphen = expected[place] == '-';
    const bool is_digit = std::isxdigit(static_cast<unsigned char>(text[place])) != 0;
    if (is_hyphen ? text[place] == '-' : is_digit) {
      ASSERT_TRUE(read_uuid(text, again)) << text;
      std::string lowered = text;
      for (char& c : lowered) c = static_cast<char>(std::tolower(c));
      ASSERT_EQ(printed(again), lowered);
    } else {
      ASSERT_FALSE(read_uuid(text, again)) << text;
    }
  }
}

}  // namespace
}  // namespace rebuild_projection

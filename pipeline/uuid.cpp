#include "pipeline/uuid.h"

#include <cstdint>
#include <cstring>

#include "pipeline/byte_order.h"

namespace rebuild_projection {

namespace {

// Eight digits at once, in the bytes of a number: https://en.wikipedia.org/wiki/SWAR

std::uint64_t digits_of(std::uint32_t number) {
  std::uint64_t digits = number;
  digits = (digits | digits << 16U) & 0x0000FFFF0000FFFFU;
  digits = (digits | digits << 8U) & 0x00FF00FF00FF00FFU;
  digits = (digits | digits << 4U) & 0x0F0F0F0F0F0F0F0FU;
  const std::uint64_t letters = (digits + 0x0606060606060606U) >> 4U & 0x0101010101010101U;
  return digits + 0x3030303030303030U + letters * ('a' - '9' - 1);
}

/// What stands there where it is eight digits.
std::uint32_t number_of(std::uint64_t digits) {
  digits = (digits & 0x0F0F0F0F0F0F0F0FU) + 9 * (digits >> 6U & 0x0101010101010101U);
  digits = (digits | digits >> 4U) & 0x00FF00FF00FF00FFU;
  digits = (digits | digits >> 8U) & 0x0000FFFF0000FFFFU;
  return static_cast<std::uint32_t>(digits | digits >> 16U);
}

constexpr std::uint8_t no_digit = 16;

std::uint8_t digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return no_digit;
}

/// As print_uuid() writes it.
bool read_printed(std::string_view text, Uuid& uuid) {
  if (text.size() != printed_uuid_size) return false;
  std::array<char, 32> digits;
  std::memcpy(&digits[0], &text[0], 8);
  std::memcpy(&digits[8], &text[9], 4);
  std::memcpy(&digits[12], &text[14], 4);
  std::memcpy(&digits[16], &text[19], 4);
  std::memcpy(&digits[20], &text[24], 12);
  bool printed = text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
  for (std::size_t i = 0; i < 4; ++i) {
    const auto eight = load_big_endian<std::uint64_t>(&digits[8 * i]);
    const std::uint32_t number = number_of(eight);
    printed = printed && digits_of(number) == eight;  // no other text was read
    store_big_endian(number, &uuid[4 * i]);
  }
  return printed;
}

}  // namespace

void print_uuid(const void* bytes, char* to) {
  std::array<char, 32> digits;
  for (std::size_t i = 0; i < 4; ++i)
    store_big_endian(digits_of(load_big_endian<std::uint32_t>(static_cast<const char*>(bytes) + 4 * i)),
                     &digits[8 * i]);
  std::memcpy(to, &digits[0], 8);
  std::memcpy(to + 9, &digits[8], 4);
  std::memcpy(to + 14, &digits[12], 4);
  std::memcpy(to + 19, &digits[16], 4);
  std::memcpy(to + 24, &digits[20], 12);
  to[8] = to[13] = to[18] = to[23] = '-';
}

bool read_uuid(std::string_view text, Uuid& uuid) {
  if (read_printed(text, uuid)) return true;
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return false;
    text = text.substr(1, text.size() - 2);
  }
  constexpr std::size_t digits_all = 32;
  std::size_t digits = 0;
  bool hyphen_may_follow = false;
  for (const char c : text) {
    if (c == '-' && hyphen_may_follow) {
      hyphen_may_follow = false;
      continue;
    }
    const std::uint8_t digit = digit_of(c);
    if (digit == no_digit || digits == digits_all) return false;
    unsigned char& byte = uuid[digits / 2];
    byte = digits % 2 == 0 ? static_cast<unsigned char>(digit << 4) : static_cast<unsigned char>(byte | digit);
    ++digits;
    hyphen_may_follow = digits % 4 == 0 && digits < digits_all;
  }
  return digits == digits_all;
}

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rebuild_projection {

/// A hash of a short text, in a few cycles: products of 128 bits whose halves are folded together. Every bit of it
/// depends on every byte, also for numbers that count up. Not against an attacker who chooses the texts, and not to be
/// stored: the order of bytes of the machine shows in it.
inline std::uint64_t hash_of(std::string_view text) {
  constexpr std::uint64_t first = 0x9E3779B97F4A7C15, second = 0xD6E8FEB86659FD93;  // odd, half of the bits set
  const auto fold = [](std::uint64_t left, std::uint64_t right) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(left) * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  const auto read = [](const char* at, std::size_t bytes) {
    std::uint64_t number = 0;
    std::memcpy(&number, at, bytes);
    return number;
  };
  const char* at = text.data();
  std::size_t rest = text.size();
  std::uint64_t state = text.size() * first ^ second;
  for (; rest > 16; at += 16, rest -= 16) state = fold(read(at, 8) ^ first, read(at + 8, 8) ^ state);
  std::uint64_t left = 0, right = 0;
  if (rest >= 8) {
    left = read(at, 8);
    right = read(at + rest - 8, 8);
  } else if (rest >= 4) {
    left = read(at, 4);
    right = read(at + rest - 4, 4);
  } else if (rest > 0) {
    left = static_cast<unsigned char>(at[0]);
    right = static_cast<unsigned char>(at[rest / 2]) * std::uint64_t{256} + static_cast<unsigned char>(at[rest - 1]);
  }
  return fold(left ^ first, right ^ state);
}

}  // namespace rebuild_projection

#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>

namespace rebuild_projection {

/// A UUID in its usual spelling.
using Uuid = std::array<char, 36>;

inline std::string_view text(const Uuid& uuid) {
  return {uuid.data(), uuid.size()};
}

/// The same numbers for the same seed on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 0 to n - 1. Not std::uniform_int_distribution, whose values differ from library to library.
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(((engine_() >> 32U) * n) >> 32U); }
  bool percent(std::uint32_t n) { return below(100) < n; }
  template <class T>
  const T& one_of(std::span<const T> choices) {
    return choices[below(static_cast<std::uint32_t>(choices.size()))];
  }

  Uuid uuid() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<std::uint64_t, 2> bits{engine_(), engine_()};
    bits[0] = (bits[0] & ~std::uint64_t{0xf000}) | 0x4000;
    bits[1] = (bits[1] & ~(std::uint64_t{3} << 62U)) | (std::uint64_t{2} << 62U);
    Uuid uuid{};
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
      if (i == 8 || i == 13 || i == 18 || i == 23) {
        uuid[i] = '-';
        continue;
      }
      uuid[i] = digits[(bits[nibble / 16] >> (60 - 4 * (nibble % 16))) & 15U];
      ++nibble;
    }
    return uuid;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace rebuild_projection

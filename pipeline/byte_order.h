#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

/// Numbers with the most significant byte first, as PostgreSQL sends them and as texts are read.
namespace rebuild_projection {

template <typename Unsigned>
constexpr Unsigned big_endian(Unsigned number) {
  static_assert(std::is_unsigned_v<Unsigned> &&
                (sizeof(Unsigned) == 2 || sizeof(Unsigned) == 4 || sizeof(Unsigned) == 8));
  if constexpr (std::endian::native == std::endian::big) return number;
  if constexpr (sizeof(Unsigned) == 2) return __builtin_bswap16(number);
  if constexpr (sizeof(Unsigned) == 4) return __builtin_bswap32(number);
  if constexpr (sizeof(Unsigned) == 8) return __builtin_bswap64(number);
}

template <typename Unsigned>
Unsigned load_big_endian(const void* from) {
  Unsigned number = 0;
  std::memcpy(&number, from, sizeof(number));
  return big_endian(number);
}

template <typename Unsigned>
void store_big_endian(Unsigned number, void* to) {
  number = big_endian(number);
  std::memcpy(to, &number, sizeof(number));
}

template <typename Unsigned>
void append_big_endian(std::string& text, Unsigned number) {
  number = big_endian(number);
  text.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

/// From the front of `text`, which has as many bytes.
template <typename Unsigned>
Unsigned take_big_endian(std::string_view& text) {
  const auto number = load_big_endian<Unsigned>(text.data());
  text.remove_prefix(sizeof(number));
  return number;
}

}  // namespace rebuild_projection

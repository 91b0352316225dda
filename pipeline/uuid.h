#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace rebuild_projection {

using Uuid = std::array<unsigned char, 16>;

inline constexpr std::size_t printed_uuid_size = 36;

/// Writes a uuid's 16 bytes as PostgreSQL prints them, "550e8400-e29b-41d4-a716-446655440000".
void print_uuid(const void* bytes, char* to);

/// As uuid_in of PostgreSQL: braces around it or none, a hyphen or none after each group of four digits. False where
/// the text is none.
bool read_uuid(std::string_view text, Uuid& uuid);

}  // namespace rebuild_projection

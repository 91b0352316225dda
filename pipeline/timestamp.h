#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// A moment, comparable, exact to the microsecond as PostgreSQL's timestamps are; -infinity and infinity included.
/// Counts from 2000 as PostgreSQL does: its range, 4714 BC to 294276 AD, does not fit 64 bits counted from 1970.
struct Timestamp {
  std::int64_t microseconds = 0;  ///< since 2000-01-01 00:00:00 UTC; INT64_MIN and INT64_MAX are the infinities

  /// Reads what PostgreSQL prints with DateStyle ISO in UTC ("2025-02-01 00:00:00.5+00", "0044-03-15 00:00:00+00 BC",
  /// "infinity"), with or without zone (without: UTC), and ISO 8601 as people write it ("2025-02-01T00:00:00Z",
  /// "+05:30"). nullopt where it is anything else.
  static std::optional<Timestamp> parse(std::string_view text);

  /// Reads nothing but the very text that to_text() gives of a moment from the year 1 to 9999.
  static std::optional<Timestamp> parse_printed(std::string_view text);

  /// Of the 8 bytes that PostgreSQL sends: https://www.postgresql.org/docs/current/protocol-overview.html
  static Timestamp of_bytes(std::string_view bytes);

  /// As PostgreSQL prints a timestamptz in UTC; parse(to_text()) is the same moment.
  [[nodiscard]] std::string to_text() const;
  /// Writes that, or without zone what it prints of a timestamp; returns how many bytes, text_bytes_max at the most.
  std::size_t print(char* to, bool with_zone = true) const;
  static constexpr std::size_t text_bytes_max = 40;

  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

}  // namespace rebuild_projection

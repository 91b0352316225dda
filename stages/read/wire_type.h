#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// How a column of the store travels, so that its text can be made here: as its type's binary form where that is cheap
/// to read, else as a text that the server makes.
enum class WireType : std::uint8_t { text, uuid, timestamp, timestamptz, int2, int4, int8, jsonb };

/// By the name that format_type gives.
WireType wire_type(std::string_view sql_type);
/// SQL that selects the column so; `column` is SQL.
std::string wire_column(std::string_view sql_type, const std::string& column);

/// The texts of values, each exactly as PostgreSQL's output function prints it in UTC with DateStyle ISO. Not
/// thread-safe; remembers the last day, since the next event's is mostly the same.
class WireText {
 public:
  /// Bytes that write() may use for a value of `size` bytes.
  static std::size_t size_max(std::size_t size);
  /// Writes the text, and returns its size.
  std::size_t write(WireType type, std::string_view value, char* to);

 private:
  std::size_t write_timestamp(std::string_view value, bool with_zone, char* to);

  std::int64_t day_ = INT64_MIN;  ///< since 2000-01-01
  char date_[10] = {};            ///< its text
};

}  // namespace rebuild_projection

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// What a column's type means to the engine: how values are compared and made canonical.
enum class ColumnType : std::uint8_t {
  integer,   ///< smallint, integer, bigint
  numeric,   ///< numeric
  floating,  ///< real, double precision
  boolean,
  uuid,
  timestamp,  ///< timestamp, timestamptz
  text,       ///< text, varchar, enum: compared byte by byte
  array,
  other,  ///< whatever else PostgreSQL converts from text
};

/// The operations that a projector may use on a column, as bits. `add`, `min`, `max` and `append` exclude each other.
enum class Operation : std::uint8_t { set = 1, init = 2, add = 4, min = 8, max = 16, append = 32 };
inline constexpr std::array all_operations{Operation::set, Operation::init, Operation::add,
                                           Operation::min, Operation::max,  Operation::append};
class Operations {
 public:
  constexpr Operations() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): an operation is a set of one
  constexpr Operations(Operation one) : bits_(static_cast<std::uint8_t>(one)) {}
  constexpr Operations& operator|=(Operations other) {
    bits_ |= other.bits_;
    return *this;
  }
  friend constexpr Operations operator|(Operations left, Operations right) { return left |= right; }
  [[nodiscard]] constexpr bool has(Operation one) const { return (bits_ & static_cast<std::uint8_t>(one)) != 0; }
  /// `add`, `min`, `max` or `append`, the operation that composes; nullopt where the column is only set or initialised.
  [[nodiscard]] constexpr std::optional<Operation> combining() const {
    const unsigned combining = bits_ & ~3U;  // all but set and init; the lowest of them
    return combining == 0 ? std::nullopt : std::optional(static_cast<Operation>(combining & -combining));
  }

 private:
  std::uint8_t bits_ = 0;
};
constexpr Operations operator|(Operation left, Operation right) {
  return Operations(left) | Operations(right);
}

/// "set", "init", "add", "min", "max", "append": as a projection file spells it.
std::string_view name_of(Operation operation);

/// A type of times that has no time zone. A moment goes there in UTC (pipeline/time_without_zone.h).
enum class TimeWithoutZone : std::uint8_t { none, timestamp, date, time };

/// A column that a projector writes.
struct Column {
  std::string name = {};
  ColumnType type = ColumnType::other;
  std::optional<int> scale = {};  ///< numeric(p, s): operands are brought to s; integer columns have 0; else none
  Operations operations = {};     ///< what the projector may do to it; empty for key columns
  TimeWithoutZone without_zone = TimeWithoutZone::none;  ///< what it holds, or an array or a range of these
};

/// A projection's table as its projector sees it: the key and the columns it writes. Immutable during a run; change
/// sets refer to it and must not outlive it.
struct TableLayout {
  std::string name;             ///< as the projector names it: "candidate_summary" or "schema.table"
  std::vector<Column> key;      ///< in the order of the projection's key
  std::vector<Column> columns;  ///< without the key; a column's index here is what changes refer to
  bool updates = false;         ///< whether some changes touch existing rows only

  /// Index in `columns`; nullopt where there is none of that name.
  [[nodiscard]] std::optional<std::size_t> column_index(std::string_view column) const;
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/row_change.h"

/// What happens to a row as bytes, for a temporary file of this process alone: the form may change with every version.
namespace rebuild_projection {

struct RowRecord {
  std::string_view key;       ///< canonical
  std::string_view spelling;  ///< empty: as the canonical key says
  std::string_view change;    ///< for read_change()
};

/// Appends a record; its first `record_head_bytes` say how many more follow.
void append_record(std::string& bytes, std::string_view key, std::string_view spelling, const RowChange& change);
inline constexpr std::size_t record_head_bytes = sizeof(std::uint32_t);
std::size_t record_bytes(const char* head);
/// Reads what follows the head. Refers to it.
RowRecord read_record(std::string_view record);
RowChange read_change(const TableLayout& table, std::string_view change);

}  // namespace rebuild_projection

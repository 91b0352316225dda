#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/event.h"
#include "pipeline/table.h"

namespace rebuild_projection {

/// A row's key: `canonical` is the same for keys that the database holds equal.
struct Key {
  std::string canonical;
  std::vector<std::string> values;  ///< what is written, one per key column
};

/// Makes keys of one projection's table. Throws EventError for a part that is missing, null or not of the column's
/// type; the column is named, the value is not.
Key make_key(const TableLayout& table, std::span<const Json> parts);

}  // namespace rebuild_projection

#pragma once

#include <cstdint>

namespace rebuild_projection {

/// What publishing a shadow did to the rows of a live table.
struct Publication {
  std::uint64_t inserted = 0, updated = 0, deleted = 0;
  std::uint64_t equal = 0;  ///< not touched

  [[nodiscard]] std::uint64_t written() const { return inserted + updated + deleted; }
};

}  // namespace rebuild_projection

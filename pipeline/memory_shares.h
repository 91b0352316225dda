#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace rebuild_projection {

/// What of RunOptions::memory_bytes_max is for what, in bytes.
struct MemoryShares {
  explicit constexpr MemoryShares(std::uint64_t bytes_max)
      : pages(bytes_max / 4),
        kept_pages(std::min<std::uint64_t>(bytes_max / 8, std::uint64_t{64} << 20)),
        changes(bytes_max / 16 * 5),
        merge(std::min<std::uint64_t>(bytes_max / 16, std::uint64_t{64} << 20)),
        known_rows(std::min<std::uint64_t>(bytes_max / 8, std::uint64_t{48} << 20)) {}

  std::size_t pages;       ///< in flight
  std::size_t kept_pages;  ///< until a batch's commit, in case it is refused: beyond it they are read again
  std::size_t changes;     ///< of the open batch and of the one being committed, each
  std::size_t merge;       ///< of changes that come back from a temporary file
  std::size_t known_rows;  ///< that the run wrote, and that are there
};

}  // namespace rebuild_projection

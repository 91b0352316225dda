#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "stages/rebuild.h"

namespace rebuild_projection {

/// The bounds of the numbers in Options, for the command line and for programs alike.
namespace option_bounds {
inline constexpr std::uint64_t batch_events_max = std::uint64_t{1}
                                                  << 40;     ///< beyond any memory bound; keeps sums from overflowing
inline constexpr std::uint64_t concurrency_max = 1024;       ///< threads, connections, pages in flight
inline constexpr std::uint64_t drift_limit_max = 1'000'000;  ///< they are held in memory
inline constexpr std::uint64_t retries_max = 1'000'000;
inline constexpr std::uint64_t seconds_max = 31'536'000;  ///< a year
inline constexpr std::uint64_t peer_timeout_max = 3600;   ///< seconds
inline constexpr std::uint64_t publish_lock_timeout_max = 3600;
inline constexpr std::uint64_t memory_mib_min = 16;
inline constexpr std::uint64_t memory_mib_max = std::uint64_t{1} << 24;                ///< 16 TiB
inline constexpr std::uint64_t events_max = std::numeric_limits<std::int64_t>::max();  ///< what the server counts in
}  // namespace option_bounds

/// A sentence for each option that is out of its bounds, or empty where it must not be.
std::vector<std::string> out_of_bounds(const Options& options);

/// Throws UsageError with all of them.
void refuse_out_of_bounds(const Options& options);

}  // namespace rebuild_projection

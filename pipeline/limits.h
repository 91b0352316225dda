#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound of the engine that is not an option, with its unit and the reason for its value.
namespace rebuild_projection::limits {

/// Events in one page at the most. A page is the unit that travels; a larger one gains nothing once the cost of a
/// statement is spread over it, and costs memory for every token.
inline constexpr std::size_t page_events_max = 16'000;

/// Events of the first pages of a range, before the size of its events is known.
inline constexpr std::size_t page_events_first = 500;

/// Bytes that a page should have, by the average size of the events before it, where memory allows it.
inline constexpr std::size_t page_bytes_target = std::size_t{4} << 20;

/// The least of it, however little memory there is.
inline constexpr std::size_t page_bytes_min = std::size_t{64} << 10;

/// So many times as large as it should be, a page is closed. It may exceed that by one event: an event is never cut.
inline constexpr std::size_t page_bytes_factor_max = 4;

/// The age after which the snapshot is renewed in which pages are found: an old one keeps dead rows alive in every
/// table.
inline constexpr std::chrono::milliseconds snapshot_age_max{1'000};

/// Levels of nesting in a payload. jsonb itself stops near 6,000 with PostgreSQL's default stack.
inline constexpr std::size_t payload_depth_max = 10'000;

/// Events of a store without an index on its order from which on a warning names the CREATE INDEX to run.
inline constexpr std::uint64_t unindexed_warning_events = 10'000;

/// Events of a range from which on APPLY does not count them before it begins: it takes 0.15 s and more for each
/// million.
inline constexpr std::uint64_t counted_events_max = 1'000'000;

/// Skipped events of which the report keeps id, position and reason, for each projection: some 2 MB of texts.
inline constexpr std::size_t skipped_kept_max = 10'000;

/// Skipped events that are logged one by one where a table keeps all of them.
inline constexpr std::size_t skipped_logged_max = 20;

/// Oldest and newest events each that a drafted projection file is made from: enough to meet every common type.
inline constexpr std::uint64_t draft_events = 10'000;

}  // namespace rebuild_projection::limits

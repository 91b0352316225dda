#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stages/postgres/lasting_session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// Consecutive events of a range.
struct Bounds {
  EventRange range;
  std::size_t stretch = 0;   ///< Page::stretch
  std::uint64_t events = 0;  ///< in it when it was found
};

/// Finds the bounds of pages from the index of the order alone: a cursor over the positions moves on by a page, and
/// only the position it comes to is fetched. Its snapshot is closed when it gets old (limits.h), and the next one goes
/// on after the last position. One thread at a time. `store` outlives it.
class Scout {
 public:
  /// `stretch_ends` as in PageReader::Settings.
  Scout(const EventStore& store, EventRange range, std::vector<Position> stretch_ends, LastingSession session);

  /// The next `events` events, or fewer where a stretch ends; nullopt at the end of the range.
  std::optional<Bounds> next(std::uint64_t events);
  /// Closes the snapshot.
  void pause();
  [[nodiscard]] std::uint64_t retries() const { return session_.retries(); }

 private:
  /// The statements that open the cursor, before another one.
  [[nodiscard]] std::string opening() const;
  /// Those between what was found and the stretch's end. Goes on to the next stretch.
  Bounds end_stretch();

  const EventStore& store_;
  EventRange rest_;  ///< after what was found
  std::vector<Position> stretch_ends_;
  LastingSession session_;
  std::size_t stretch_ = 0;
  bool open_ = false;
  bool at_end_ = false;
  std::chrono::steady_clock::time_point opened_at_;
};

}  // namespace rebuild_projection

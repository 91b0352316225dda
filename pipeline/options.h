#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace rebuild_projection {

enum class Mode : std::uint8_t { dry_run, apply, verify };
enum class OnError : std::uint8_t { stop, skip };

/// How often and how long what is transient is tried again: a deadlock, a lost connection, a server that restarts.
struct RetryLimits {
  unsigned retries = 20;                  ///< of one piece of work, after its first try; 0: none
  std::chrono::seconds seconds_max{120};  ///< after its first failure, when no further try is begun
};

/// What a run does, as far as the engine is concerned. What concerns PostgreSQL is in stages/rebuild.h.
struct RunOptions {
  std::vector<std::string> projections;  ///< names, or "all"
  Mode mode = Mode::dry_run;
  OnError on_error = OnError::stop;

  std::uint64_t batch_events = 200;  ///< events per transaction, 1 or more
  std::uint64_t max_events = 0;      ///< stop after this many; 0: no limit

  // Concurrency; 0 is "from the machine".
  unsigned tokens = 0;   ///< pages in flight
  unsigned workers = 0;  ///< CPU threads
  unsigned readers = 0;  ///< pages that are read at once

  /// Pages in flight and change sets together; 0: 512 MiB, or half of what a smaller container has.
  std::uint64_t memory_bytes_max = 0;

  /// Where change sets go that outgrow their share of the memory; empty: $TMPDIR, or /var/tmp, which is seldom memory.
  std::string spill_directory;

  /// A second, harder stop: the statement that is running is cancelled and its transaction rolled back.
  std::stop_token abort;
};

}  // namespace rebuild_projection

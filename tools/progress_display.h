#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "pipeline/progress.h"
#include "tools/command_line.h"

namespace rebuild_projection {

/// What a progress line shows.
struct ProgressNumbers {
  std::uint64_t events_total = 0;  ///< 0: unknown
  std::uint64_t events_done = 0;
  std::uint64_t batches = 0;
  std::uint64_t errors = 0;
  double events_per_second = 0;  ///< lately; 0: unknown
};

/// The line for a terminal, at most `columns` wide: with less room the bar shrinks, then parts are left out.
std::string progress_bar(const ProgressNumbers& numbers, unsigned columns);

/// The sentence for a log.
std::string progress_sentence(const ProgressNumbers& numbers);

/// The rate over the last seconds: an average over the whole run would hide a stall.
class RecentRate {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds window{5};

  void add(Clock::time_point time, std::uint64_t events_done);
  /// Events a second between the oldest and the newest sample of the window; 0 while there are not two.
  [[nodiscard]] double per_second() const;

 private:
  struct Sample {
    Clock::time_point time;
    std::uint64_t events_done;
  };
  std::deque<Sample> samples_;
};

/// Shows a run's progress on standard error from a thread of its own, from construction to destruction, while events
/// flow. The line is gone at the end. `progress` must outlive it.
class ProgressDisplay {
 public:
  /// `events_max`: --max-events, 0 for none.
  ProgressDisplay(const Progress& progress, ProgressKind kind, std::uint64_t events_max);
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;
  ~ProgressDisplay();

 private:
  void show(const std::stop_token& stop, ProgressKind kind);
  [[nodiscard]] ProgressNumbers numbers(double events_per_second) const;

  const Progress& progress_;
  const std::uint64_t events_max_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  ///< last: it uses the members above
};

}  // namespace rebuild_projection

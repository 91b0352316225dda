#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace rebuild_projection {

enum class Stage : std::uint8_t { read, parse, apply, commit };
inline constexpr std::array<Stage, 4> all_stages{Stage::read, Stage::parse, Stage::apply, Stage::commit};
std::string_view name_of(Stage stage);

/// What a run has done so far: written by the stages, read by whoever draws a progress bar. Threads: any.
struct Progress {
  std::atomic<std::uint64_t> events_total{0};  ///< in range, counted or estimated at the start; 0 while unknown
  std::atomic<std::uint64_t> events_read{0};
  std::atomic<std::uint64_t> events_done{0};  ///< committed (APPLY) or counted (DRY_RUN)
  std::atomic<std::uint64_t> batches{0};      ///< committed or counted
  std::atomic<std::uint64_t> errors{0};
  std::array<std::atomic<std::int64_t>, all_stages.size()> busy_nanoseconds{};  ///< summed over a stage's threads
  std::atomic<bool> running{false};                                             ///< true while events flow

  /// Adds the time from now to the end of its own life to a stage.
  class Busy {
   public:
    Busy(Progress& progress, Stage stage)
        : total_(&progress.busy_nanoseconds[static_cast<std::size_t>(stage)]),
          begin_(std::chrono::steady_clock::now()) {}
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() {
      *total_ +=
          std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin_).count();
    }

   private:
    std::atomic<std::int64_t>* total_;
    std::chrono::steady_clock::time_point begin_;
  };
};

}  // namespace rebuild_projection

#include "tools/progress_display.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <vector>

#include "tools/logging.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

constexpr std::chrono::milliseconds redraw_interval{100};  // smooth to the eye, and nothing beside a run's own work
constexpr std::chrono::seconds log_interval{5};
constexpr unsigned bar_columns_min = 10, bar_columns_max = 40;

/// "0:07", "12:34", "3:00:00", "2 d 3 h"
std::string duration(double seconds) {
  constexpr double longest_s = 8.64e6;  // 100 days: beyond that the number says nothing
  if (!(seconds < longest_s)) return "-:--";
  const auto total = static_cast<std::uint64_t>(std::ceil(seconds));
  const auto two = [](std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const std::uint64_t days = total / 86'400, hours = total / 3'600 % 24, minutes = total / 60 % 60;
  if (days > 0) return std::to_string(days) + " d " + std::to_string(hours) + " h";
  if (hours > 0) return std::to_string(hours) + ':' + two(minutes) + ':' + two(total % 60);
  return std::to_string(minutes) + ':' + two(total % 60);
}

std::string eta(const ProgressNumbers& n) {
  const std::uint64_t left = n.events_total - std::min(n.events_total, n.events_done);
  return "ETA " + (n.events_per_second > 0 ? duration(static_cast<double>(left) / n.events_per_second) : "-:--");
}

/// 100 only when all is done.
unsigned percent(const ProgressNumbers& n) {
  const std::uint64_t done = std::min(n.events_done, n.events_total);
  if (done == n.events_total) return 100;
  return std::min(99U, static_cast<unsigned>(100.0 * static_cast<double>(done) / static_cast<double>(n.events_total)));
}

std::string events(const ProgressNumbers& n) {
  if (n.events_total == 0) return counted(n.events_done, "event", "events");
  return with_commas(n.events_done) + " of " + counted(n.events_total, "event", "events");
}

std::string bar(const ProgressNumbers& n, unsigned columns) {
  const unsigned inner = columns - 2;
  const auto filled = static_cast<std::size_t>(static_cast<double>(inner) * percent(n) / 100);
  return '[' + std::string(filled, '#') + std::string(inner - filled, '.') + ']';
}

}  // namespace

std::string progress_bar(const ProgressNumbers& n, unsigned columns) {
  // In the order of the line; what has the highest rank is left out first.
  struct Part {
    std::string text;
    int rank;
  };
  std::vector<Part> parts;
  if (n.events_total > 0) parts.push_back({pad_left(std::to_string(percent(n)), 3) + '%', 0});
  parts.push_back({events(n), 1});
  parts.push_back({rate_with_commas(n.events_per_second) + "/s", 3});
  parts.push_back({counted(n.batches, "batch", "batches"), 5});
  if (n.events_total > 0) parts.push_back({eta(n), 2});
  parts.push_back({counted(n.errors, "error", "errors"), n.errors > 0 ? 1 : 4});
  const auto join = [&] {
    std::string line;
    for (const Part& part : parts) line += (line.empty() ? "" : "  ") + part.text;
    return line;
  };
  std::string line = join();
  while (line.size() > columns && parts.size() > 1) {
    parts.erase(
        std::max_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.rank < b.rank; }));
    line = join();
  }
  if (line.size() > columns) return line.substr(0, columns);
  const std::size_t room = columns - line.size();
  if (n.events_total > 0 && room > bar_columns_min)
    line = bar(n, std::min(static_cast<unsigned>(room) - 1, bar_columns_max)) + ' ' + line;
  return line;
}

std::string progress_sentence(const ProgressNumbers& n) {
  std::string text = events(n);
  if (n.events_total > 0) text += " (" + std::to_string(percent(n)) + "%)";
  text += ", " + rate_with_commas(n.events_per_second) + "/s, " + counted(n.batches, "batch", "batches");
  if (n.events_total > 0) text += ", " + eta(n);
  return text + ", " + counted(n.errors, "error", "errors");
}

void RecentRate::add(Clock::time_point time, std::uint64_t events_done) {
  samples_.push_back({time, events_done});
  while (samples_.size() > 2 && time - samples_[1].time >= window) samples_.pop_front();
}

double RecentRate::per_second() const {
  if (samples_.size() < 2) return 0;
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  const double seconds = std::chrono::duration<double>(last.time - first.time).count();
  return seconds > 0 ? static_cast<double>(last.events_done - first.events_done) / seconds : 0;
}

ProgressDisplay::ProgressDisplay(const Progress& progress, ProgressKind kind, std::uint64_t events_max)
    : progress_(progress), events_max_(events_max) {
  if (kind != ProgressKind::none)
    thread_ = std::jthread([this, kind](const std::stop_token& stop) {
      try {
        show(stop, kind);
      } catch (const std::bad_alloc&) {  // a run goes on without its display
      }
    });
}

ProgressDisplay::~ProgressDisplay() = default;  // the thread is asked to stop and joined

ProgressNumbers ProgressDisplay::numbers(double events_per_second) const {
  const std::uint64_t done = progress_.events_done, total = progress_.events_total;
  // An estimated total may turn out too small.
  return {total == 0 ? 0 : std::max(done, events_max_ > 0 ? std::min(total, events_max_) : total), done,
          progress_.batches, progress_.errors, events_per_second};
}

void ProgressDisplay::show(const std::stop_token& stop, ProgressKind kind) {
  RecentRate rate;
  auto logged = RecentRate::Clock::now();
  while (!stop.stop_requested()) {
    const auto now = RecentRate::Clock::now();
    if (progress_.running) {
      const std::uint64_t done = progress_.events_done;
      rate.add(now, done);
      if (kind == ProgressKind::bar) {
        // A line that fills the last column would wrap on some terminals.
        error_stream().status(progress_bar(numbers(rate.per_second()), std::max(error_stream_columns(), 2U) - 1));
      } else if (now - logged >= log_interval) {
        logged = now;
        spdlog::info("{}", progress_sentence(numbers(rate.per_second())));
      }
    } else if (kind == ProgressKind::bar) {
      error_stream().status("");
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, redraw_interval, [] { return false; });
  }
  if (kind == ProgressKind::bar) error_stream().status("");
}

}  // namespace rebuild_projection

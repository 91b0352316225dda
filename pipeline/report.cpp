#include "pipeline/report.h"

#include <algorithm>

namespace rebuild_projection {

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::complete:
      return "complete";
    case Ending::incomplete:
      return "incomplete";
    case Ending::failed:
      return "failed";
    case Ending::cancelled:
      return "cancelled";
  }
  return "unknown";
}

double Report::events_per_second() const {
  return seconds.count() > 0 ? static_cast<double>(events_read) / seconds.count() : 0;
}

double Report::occupancy(Stage stage) const {
  const auto index = static_cast<std::size_t>(stage);
  const double available = seconds.count() * stage_threads[index];
  // The clock of the run and those of its threads are not read at the same instant.
  return available > 0 ? std::clamp(busy_seconds[index] / available, 0.0, 1.0) : 0;
}

Stage Report::bottleneck() const {
  return *std::max_element(all_stages.begin(), all_stages.end(),
                           [this](Stage left, Stage right) { return occupancy(left) < occupancy(right); });
}

std::uint64_t Report::skipped() const {
  std::uint64_t sum = 0;
  for (const Projection& projection : projections) sum += projection.skipped;
  return sum;
}

std::uint64_t Report::drifted() const {
  std::uint64_t sum = 0;
  for (const Projection& projection : projections)
    if (projection.comparison) sum += projection.comparison->drifted();
  return sum;
}

int Report::exit_code() const {
  if (ending == Ending::failed || skipped() > 0) return 2;
  if (ending == Ending::cancelled) return 3;
  return drifted() > 0 ? 4 : 0;
}

}  // namespace rebuild_projection

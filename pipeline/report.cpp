#include "pipeline/report.h"

#include <algorithm>

#include "pipeline/limits.h"

namespace rebuild_projection {

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::complete:
      return "complete";
    case Ending::partial:
      return "partial";
    case Ending::incomplete:
      return "incomplete";
    case Ending::failed:
      return "failed";
    case Ending::cancelled:
      return "cancelled";
  }
  return "unknown";
}

void Report::add(const Report& later) {
  for (std::size_t index = 0; index < projections.size(); ++index) {
    Projection& sum = projections[index];
    const Projection& part = later.projections[index];
    sum.applied += part.applied;
    sum.ignored += part.ignored;
    sum.skipped += part.skipped;
    for (const DeadLetter& letter : part.dead_letters)
      if (sum.dead_letters.size() < limits::skipped_kept_max) sum.dead_letters.push_back(letter);
    sum.errors += part.errors;
    sum.rolled_back += part.rolled_back;
    sum.rows_written += part.rows_written;
    sum.rows_deleted += part.rows_deleted;
  }
  const bool first = events_read == 0;
  events_read += later.events_read;
  bytes_read += later.bytes_read;
  retries += later.retries;
  for (const auto& [type, count] : later.events_by_type) events_by_type[type] += count;
  for (std::size_t index = 0; index < projections.size(); ++index) {
    auto& never = projections[index].types_never_seen;
    if (first) never = later.projections[index].types_never_seen;
    std::erase_if(never, [&](const std::string& type) { return events_by_type.contains(type); });
  }
  batches += later.batches;
  batches_closed_early += later.batches_closed_early;
  spilled_bytes += later.spilled_bytes;
  if (!first_position) first_position = later.first_position;
  if (later.last_position) {
    last_position = later.last_position;
    last_event_id = later.last_event_id;
  }
  ending = later.ending;
  ending_detail = later.ending_detail;
  seconds += later.seconds;
  for (std::size_t stage = 0; stage < all_stages.size(); ++stage) busy_seconds[stage] += later.busy_seconds[stage];
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

std::uint64_t Report::left_out() const {
  std::uint64_t sum = 0;
  for (const Projection& projection : projections) sum += projection.left_out();
  return sum;
}

int Report::exit_code() const {
  if (ending == Ending::failed || skipped() > 0) return 2;
  if (ending == Ending::cancelled) return 3;
  if (drifted() > 0) return 4;
  return left_out() > 0 ? 2 : 0;
}

}  // namespace rebuild_projection

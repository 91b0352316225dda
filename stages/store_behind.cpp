#include "stages/store_behind.h"

#include <algorithm>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

std::string mistake(const Preparation& prepared, const Checkpoints::Overview& checkpoint, bool beyond_horizon) {
  EventRange all;
  all.beyond_horizon = beyond_horizon;
  const auto last = prepared.store.last(*prepared.source_session, all);
  const bool hidden =
      !beyond_horizon && !prepared.store.ends_before(*prepared.source_session, checkpoint.position, true);
  return "the table " + checkpoint.table + " holds the events up to " + to_string(checkpoint.position) +
         " (projection " + checkpoint.projection + "), and the store " + prepared.store.file().name +
         (last ? " ends before that, at " + to_string(*last) : std::string(" has no event")) +
         (hidden ? ", since its horizon hides what comes later"
                 : ": a standby lags behind, or events were deleted or not restored") +
         "; read a store that has them, or give up what they made: " +
         (prepared.options.mode == Mode::verify ? "rebuild the table with --clear always"
                                                : "--clear always rebuilds from the events that are there");
}

}  // namespace

void refuse_store_that_is_behind(const Preparation& prepared) {
  const Options& options = prepared.options;
  if (options.mode != Mode::verify && options.clear == Clear::always) return;
  Session& target = *prepared.target_session;
  if (!Checkpoints::can_be_read(target, options.meta_schema)) return;
  // VERIFY and publishing read to the end whatever is hidden; resuming moves nothing back.
  const bool beyond_horizon = options.mode == Mode::verify || options.in_shadow() || options.resume;
  std::vector<std::string> mistakes;
  for (const Checkpoints::Overview& checkpoint : Checkpoints::overview(target, options.meta_schema)) {
    const bool ours = std::ranges::any_of(
        prepared.selected, [&](const auto& selected) { return selected.table.oid == checkpoint.table_oid; });
    if (ours && !checkpoint.position.empty() && prepared.checkpoints.is_of_our_store(checkpoint) &&
        prepared.store.ends_before(*prepared.source_session, checkpoint.position, beyond_horizon))
      mistakes.push_back(mistake(prepared, checkpoint, beyond_horizon));
  }
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
}

}  // namespace rebuild_projection

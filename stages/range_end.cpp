#include "stages/range_end.h"

#include "pipeline/limits.h"
#include "stages/read/fence.h"

namespace rebuild_projection {

namespace {

/// Whether the number of events is for the person at the terminal alone.
bool may_estimate(const Options& options) {
  return options.mode == Mode::apply && options.max_events == 0 && options.scope == Scope::all;
}

}  // namespace

RangeEnd find_end(const EventStore& store, Session& session, const Options& options, const EventRange& range,
                  const Beginnings& beginnings, const std::stop_token& stop) {
  RangeEnd end;
  const auto in_snapshot = [&](const auto& look) {
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    look();
    session.execute("COMMIT");
  };
  in_snapshot([&] { end.indexed = store.order_is_indexed(session); });
  in_snapshot([&] {
    store.refuse_null_positions(session);
    store.refuse_shared_positions(session, range);
    end.last = store.last(session, range);
  });
  const bool anything_to_settle = end.last || !beginnings.late_events.empty();
  if (anything_to_settle && options.fence == Fence::automatic)
    wait_at_fence(store, session, options.fence_timeout, stop);
  if (const auto& position = end.last ? end.last : range.after)
    end.late_events = options.fence == Fence::off && store.file().horizon.empty()
                          ? "--fence off: no transaction was waited for"
                          : why_late_events_may_come(store, session, *position);
  EventRange fixed = range;
  fixed.last = end.last;
  in_snapshot([&] {
    if (!end.last) return;
    if (may_estimate(options)) end.events = store.estimate(session, fixed);
    end.estimated = end.events >= limits::counted_events_max;
    if (!end.estimated) end.events = store.count(session, fixed);
  });
  return end;
}

}  // namespace rebuild_projection

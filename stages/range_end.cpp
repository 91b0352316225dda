#include "stages/range_end.h"

#include "stages/read/fence.h"

namespace rebuild_projection {

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
  in_snapshot([&] { end.events = end.last ? store.count(session, fixed) : 0; });
  return end;
}

}  // namespace rebuild_projection

#include "stages/status.h"

#include <set>
#include <utility>

#include "pipeline/error.h"
#include "stages/commit/checkpoints.h"
#include "stages/commit/target_locks.h"
#include "stages/option_bounds.h"
#include "stages/preparation.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

namespace {

void add_lag(ProjectionStatus& status, const Checkpoints::Overview& found, const EventStore& store, Session& source) {
  if (found.store != store.file().name || found.store_digest != store.digest()) return;
  status.store_is_behind = !found.position.empty() && store.ends_before(source, found.position, true);
  const EventStore::Lag lag = store.lag(source, found.position, found.last_ts);
  status.events_behind = lag.events;
  status.time_behind = lag.time;
}

}  // namespace

std::vector<ProjectionStatus> status(const Options& options, const std::stop_token& stop) {
  refuse_out_of_bounds(options);
  Session source(source_of(options), "read", Session::Access::read_only, stop);
  Session target(target_of(options), "status", Session::Access::read_only, stop);
  try {
    const EventStore store(find_store(options.store, stop), source);
    const auto holders = lock_holders(target);
    std::set<std::uint32_t> held;  // by a rebuild whose checkpoint is shown
    std::vector<ProjectionStatus> result;
    std::vector<Checkpoints::Overview> all = Checkpoints::overview(target, options.meta_schema);
    for (Checkpoints::Overview& shadow : Checkpoints::overview(target, options.meta_schema, Checkpoints::Of::shadows)) {
      shadow.state = "shadow, " + shadow.state;
      all.push_back(std::move(shadow));
    }
    for (const Checkpoints::Overview& found : all) {
      ProjectionStatus& status = result.emplace_back();
      status.projection = found.projection;
      status.table = found.table;
      status.state = found.state;
      status.position = found.position.empty() ? "" : to_string(found.position);
      status.events = found.events;
      status.updated_at = found.updated_at;
      add_lag(status, found, store, source);
      if (const auto holder = holders.find(found.table_oid); holder != holders.end()) {
        status.held_by = holder->second.who;
        held.insert(found.table_oid);
      }
    }
    for (const auto& [oid, holder] : holders) {
      if (held.contains(oid)) continue;
      ProjectionStatus& status = result.emplace_back();
      status.table = holder.table;
      status.held_by = holder.who;
    }
    return result;
  } catch (const SqlError& error) {
    throw UsageError(std::string("the database refused to say: ") + error.what() + " (SQLSTATE " + error.sqlstate +
                     ")");
  }
}

}  // namespace rebuild_projection

#include "tests/faults/invariants.h"

#include <utility>

#include "tests/support/live_store.h"

namespace rebuild_projection::test {

namespace {

constexpr const char* checkpoints = "rebuild_projection.rebuild_checkpoints";

std::string fold_up_to_checkpoint(const EventOrder& order, const std::string& projection) {
  std::string condition = order.up_to_checkpoint;
  condition.replace(condition.find('%'), 1, projection);
  return Recruiting::differing_sql(projection, condition);
}

/// Whether something of the projection was committed.
std::string begun(const std::string& projection) {
  return "SELECT count(*) FROM " + std::string(checkpoints) + " WHERE projection_name = '" + projection +
         "' AND state <> 'starting' AND position IS NOT NULL";
}

}  // namespace

const EventOrder by_time{
    "by time",
    {"event_rows", "stages", "counters"},
    "(ts, event_id) <= (SELECT position[1]::timestamptz, position[2]::uuid FROM rebuild_projection.rebuild_checkpoints"
    " WHERE projection_name = '%')",
    "",
    ""};
const EventOrder by_number{
    "by number",
    {"event_rows", "counters"},
    "event_store.n <= (SELECT position[1]::bigint FROM rebuild_projection.rebuild_checkpoints WHERE projection_name ="
    " '%')",
    LiveStore::by_n,
    ""};
const EventOrder by_transaction{"by transaction",
                                {"event_rows", "counters"},
                                "(transaction_id, event_store.n) <= (SELECT position[1]::xid8, position[2]::bigint FROM"
                                " rebuild_projection.rebuild_checkpoints WHERE projection_name = '%')",
                                LiveStore::by_transaction_and_n,
                                LiveStore::horizon_line()};

std::string Invariants::prefix() {
  if (store_.database.value(std::string("SELECT to_regclass('") + checkpoints + "')") == "NULL") return "";
  std::string wrong;
  for (const std::string& projection : order_.projections) {
    if (store_.database.value(begun(projection)) == "0") continue;
    const std::string differing = store_.database.value(fold_up_to_checkpoint(order_, projection));
    if (differing != "0")
      wrong += differing + " rows of " + projection + " differ from the fold up to its checkpoint; ";
  }
  return wrong;
}

std::string Invariants::whole() {
  std::string wrong;
  const std::string events = store_.database.value("SELECT count(*) FROM event_store");
  for (const std::string& projection : order_.projections) {
    const std::string differing = store_.differing(projection);
    if (differing != "0") wrong += differing + " rows of " + projection + " differ from the fold of all events; ";
    const std::string checkpoint = store_.checkpoint("events || ' ' || state", projection);
    if (checkpoint != events + " complete")
      wrong += "the checkpoint of " + projection + " says " + checkpoint + " of " + events + "; ";
  }
  return wrong;
}

std::string Invariants::store_digest() {
  return store_.database.value(
      "SELECT count(*) || ' ' || md5(string_agg(md5(e::text || xmin || ' ' || xmax || ' ' || ctid), '' ORDER BY"
      " event_id)) FROM event_store e WHERE (payload->>'n')::integer <= " +
      events_);
}

std::string Invariants::store_unchanged() {
  const std::string now = store_digest();
  return now == store_digest_ ? "" : "the event store has changed: " + now + ", not " + store_digest_;
}

std::string Invariants::beyond_horizon() {
  if (!order_.more.empty() &&
      !LiveStore::wait_for_horizon(store_.database, store_.database.value("SELECT count(*) FROM event_store")))
    return "a transaction holds the horizon back";
  return "";
}

void Invariants::store_written() {
  events_ = store_.database.value("SELECT count(*) FROM event_store");
  store_digest_ = store_digest();
}

std::string Invariants::nothing_left() {
  if (!store_.wait_until_gone()) return "a session of the program is left";
  const std::string locks = store_.database.value(
      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE"
      " datname = current_database())");
  return locks == "0" ? "" : locks + " advisory locks are left";
}

Reader::Reader(const Recruiting& store, EventOrder order)
    : order_(std::move(order)), thread_([this, &store](const std::stop_token& stop) { read(store, stop); }) {}

std::string Reader::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  return wrong_;
}

void Reader::read(const Recruiting& store, const std::stop_token& stop) {
  try {
    OtherClient client(store.database, "SELECT");
    while (!stop.stop_requested() && wrong_.empty()) {
      client.execute("BEGIN ISOLATION LEVEL REPEATABLE READ");
      const bool there = client.value(std::string("SELECT to_regclass('") + checkpoints + "')") != "NULL";
      for (const std::string& projection : order_.projections) {
        if (!there || client.value(begun(projection)) == "0") continue;
        const std::string differing = client.value(fold_up_to_checkpoint(order_, projection));
        if (differing != "0") wrong_ += differing + " rows of " + projection + " differed in a snapshot; ";
      }
      client.execute("COMMIT");
      ++snapshots_;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  } catch (const std::exception&) {  // the server was stopped
  }
}

}  // namespace rebuild_projection::test

#include "stages/commit/writers_lock.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

constexpr std::chrono::milliseconds table_lock_max{500}, pause{20};
constexpr std::chrono::seconds silence_max{10};

std::string in_milliseconds(std::chrono::milliseconds time) {
  return "'" + std::to_string(std::max<std::int64_t>(time.count(), 1)) + "ms'";
}

std::vector<const CatalogueTable*> in_order(std::vector<const CatalogueTable*> tables) {
  std::ranges::sort(tables, {}, &CatalogueTable::oid);  // that of every other run that publishes
  return tables;
}

/// Who holds one of these locks on a table, a part of it, or a table that a foreign key from or to it joins, as words.
std::string holders(Session& session, const std::vector<const CatalogueTable*>& tables, const std::string& modes) {
  ArrayText oids;
  for (const CatalogueTable* table : tables) {
    for (const std::uint32_t part : table->tree) oids.add(std::to_string(part));
    for (const std::uint32_t referred : table->outgoing_foreign_keys) oids.add(std::to_string(referred));
  }
  const Rows rows = session.execute(
      // A prepared transaction keeps the virtual number of the session that made it, or has none after a restart.
      "SELECT string_agg(DISTINCT coalesce('the prepared transaction ' || quote_literal(x.gid), 'server process ' ||"
      "  l.pid || coalesce(' of role ' || a.usename, '') || coalesce(' (' || nullif(concat_ws(', ',"
      "  nullif(a.application_name, ''), a.state), '') || ')', '')), ' or ')"
      " FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN (SELECT i.virtualtransaction, p.gid"
      "  FROM pg_locks i JOIN pg_prepared_xacts p ON p.transaction = i.transactionid WHERE i.pid IS NULL) AS x ON"
      "  l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction"
      " WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.database ="
      "  (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND l.mode " +
          modes +
          " AND EXISTS (SELECT FROM unnest($1::oid[]) AS t(oid) WHERE l.relation = t.oid OR l.relation IN (SELECT"
          "  p.relid FROM pg_partition_tree(t.oid) AS p) OR l.relation IN (SELECT c.conrelid FROM pg_constraint c WHERE"
          "  c.contype = 'f' AND c.confrelid = t.oid))",
      {oids.take()});
  return rows.is_null(0, 0) ? "a transaction that has ended since" : std::string(rows.text(0, 0));
}

}  // namespace

WritersLock::WritersLock(Session& session, std::vector<const CatalogueTable*> tables, std::chrono::seconds patience,
                         std::stop_token stop)
    : session_(session), tables_(in_order(std::move(tables))), patience_(patience), stop_(std::move(stop)) {
  for (const CatalogueTable* table : tables_)
    names_ += (names_.empty() ? "" : ", ") + quote_name(table->schema, table->name);
  session_.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = " + in_milliseconds(patience + silence_max));
  lock_tables();
  deadline_ = std::chrono::steady_clock::now() + patience_;
}

void WritersLock::lock_tables() {
  // Less than the server gives a deadlock, so that it is not the other transaction that it ends.
  const std::chrono::milliseconds deadlock(
      session_.execute("SELECT setting FROM pg_settings WHERE name = 'deadlock_timeout'").number(0, 0));
  const auto end = std::chrono::steady_clock::now() + std::min(table_lock_max, deadlock / 2);
  try {
    for (const CatalogueTable* table : tables_) {
      session_.execute("SET LOCAL lock_timeout = " +
                       in_milliseconds(std::chrono::duration_cast<std::chrono::milliseconds>(
                           end - std::chrono::steady_clock::now())));
      session_.execute("LOCK TABLE " + quote_name(table->schema, table->name) + " IN SHARE ROW EXCLUSIVE MODE");
    }
  } catch (const SqlError& error) {
    if (error.sqlstate != lock_not_available) throw;
    session_.execute("ROLLBACK");
    throw TryAgain("writers could not be kept out of " + names_ + " within half a second, because of " +
                   holders(session_, tables_, "NOT IN ('AccessShareLock', 'RowShareLock')"));
  }
  session_.execute("SET LOCAL lock_timeout = " + in_milliseconds(std::min(table_lock_max, deadlock / 2)));
}

std::chrono::milliseconds WritersLock::left() const {
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()));
}

std::uint64_t WritersLock::lock_free_rows(const Replacement& table, bool to_go, const std::string& strength) {
  return session_
      .execute("SELECT count(*) FROM (SELECT FROM " + quote_name(table.live->schema, table.live->name) + " AS l JOIN " +
               table.places + " AS d ON " + is_live_row + " WHERE d.row_at IS " + (to_go ? "" : "NOT ") + "NULL FOR " +
               strength + " OF l SKIP LOCKED) AS locked")
      .number(0, 0);
}

void WritersLock::lock_rows(const std::vector<Replacement>& replacements) {
  for (const Replacement& table : replacements) {
    // Where no unique value changes, a row that others refer to in open transactions may be changed.
    const std::string to_change = hands_on_values(session_, table) ? "UPDATE" : "NO KEY UPDATE";
    while ((table.counts.deleted > 0 && lock_free_rows(table, true, "UPDATE") < table.counts.deleted) ||
           (table.counts.updated > 0 && lock_free_rows(table, false, to_change) < table.counts.updated)) {
      if (left().count() == 0)
        give_up(" after " + std::to_string(patience_.count()) +
                " s (--publish-lock-timeout): rows that are to change are locked by " + holders_of_rows());
      if (stop_.stop_requested()) throw Cancelled("stopped while waiting for rows that others have locked");
      std::this_thread::sleep_for(pause);
    }
  }
}

std::string WritersLock::holders_of_rows() const {
  return holders(session_, tables_, "<> 'AccessShareLock'");
}

void WritersLock::give_up(const std::string& why) {
  session_.execute("ROLLBACK");
  throw TryAgain("writers were let in to " + names_ + " again" + why);
}

void WritersLock::give_up_waiting() {
  session_.execute("ROLLBACK");
  give_up(": there was a lock to wait for, of " + holders_of_rows());
}

}  // namespace rebuild_projection

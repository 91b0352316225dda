#include "stages/commit/target_locks.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "stages/postgres/client_mark.h"

namespace rebuild_projection {

namespace {

/// The advisory locks' first key: "rebu" in ASCII. The second is the table's oid.
constexpr std::int32_t lock_class = 0x72656275;

constexpr const char* session_name = "commit";

/// What is known of a session, of alias a.
constexpr const char* who_is_it =
    "'server process ' || a.pid || ' of role ' || a.usename ||"
    " coalesce(' (' || coalesce(host(a.client_addr), 'local') || '), connected since '"
    " || date_trunc('second', a.backend_start), '')";  // hidden from other roles

/// Another session that keeps a table from being rebuilt.
struct InTheWay {
  std::string pid, started, who;
  std::string mark;  ///< of its program; empty where it is none, or another role's
};

/// Who holds the table's advisory lock, or writes it for a run of this program that no longer holds that lock: one that
/// was killed while it published, say, whose COMMIT is on its way.
std::vector<InTheWay> find_in_the_way(Session& session, const CatalogueTable& table) {
  const Rows rows = session.execute(
      "SELECT DISTINCT a.pid, a.backend_start, " + std::string(who_is_it) +
          ", CASE WHEN a.usename = session_user THEN substring(a.application_name FROM $3) END"
          " FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE l.pid <> pg_backend_pid()"
          " AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())"
          " AND (l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = $1::integer::oid"
          " AND l.objid = $2::oid"
          " OR l.locktype = 'relation' AND l.relation = $2::oid AND l.mode <> 'AccessShareLock'"
          " AND starts_with(a.application_name, $4) AND a.application_name <> current_setting('application_name'))",
      {std::to_string(lock_class), std::to_string(table.oid),
       "^rebuild_projection/" + std::string(session_name) + " (.*)$",
       "rebuild_projection/" + std::string(session_name)});
  std::vector<InTheWay> result;
  for (std::size_t row = 0; row < rows.size(); ++row)
    result.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1)), std::string(rows.text(row, 2)),
                      std::string(rows.text(row, 3))});
  return result;
}

void end_session(Session& session, const InTheWay& other) {
  spdlog::info("ending {}: its program, process {} of this machine, has ended", other.who, process_number(other.mark));
  try {
    session.execute(
        "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a WHERE a.pid = $1::integer AND a.backend_start ="
        " $2::timestamptz",
        {other.pid, other.started});
  } catch (const SqlError& error) {
    if (error.sqlstate != "42501") throw;  // then it is waited for, as any other is
  }
}

class Locking {
 public:
  Locking(Session& session, std::chrono::seconds patience)
      : session_(session), deadline_(std::chrono::steady_clock::now() + patience), patience_(patience) {}

  void lock(const CatalogueTable& table) {
    const Session::Parameters keys{std::to_string(lock_class), std::to_string(static_cast<std::int32_t>(table.oid))};
    for (bool locked = false;; wait(table)) {
      locked = locked || session_.execute("SELECT pg_try_advisory_lock($1::integer, $2::integer)", keys).boolean(0, 0);
      in_the_way_ = find_in_the_way(session_, table);
      if (locked && in_the_way_.empty()) return;
    }
  }

 private:
  void wait(const CatalogueTable& table) {
    const std::string who = in_the_way_.empty() ? "another session" : in_the_way_.front().who;
    const std::string mark = in_the_way_.empty() ? "" : in_the_way_.front().mark;
    const MarkedProcess process = look_at(mark);
    const std::string name = table.schema + "." + table.name;
    if (std::chrono::steady_clock::now() >= deadline_)
      throw UsageError(
          "another rebuild of " + name + " is running: " + who +
          (process == MarkedProcess::runs ? ", for process " + std::string(process_number(mark)) + " of this machine"
                                          : "") +
          "; wait for it, or end it with a SIGTERM to its program" +
          (patience_.count() > 0 ? "; it was waited for " + std::to_string(patience_.count()) + " s (--lock-timeout)"
                                 : ""));
    if (!std::exchange(said_, true))
      spdlog::info("another rebuild of {} has not ended: {}; waiting for it for at most {} s (--lock-timeout)", name,
                   who, patience_.count());
    for (const InTheWay& other : in_the_way_)
      if (look_at(other.mark) == MarkedProcess::ended) end_session(session_, other);
    session_.execute("SELECT pg_sleep(0.05)");  // which a stop ends
  }

  Session& session_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::chrono::seconds patience_;
  std::vector<InTheWay> in_the_way_;
  bool said_ = false;
};

}  // namespace

std::map<std::uint32_t, LockHolder> lock_holders(Session& session) {
  const Rows rows =
      session.execute("SELECT l.objid, l.objid::regclass::text, " + std::string(who_is_it) +
                          " FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid"
                          " WHERE l.locktype = 'advisory' AND l.granted"
                          " AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())"
                          " AND l.classid = $1::integer::oid AND l.objsubid = 2",
                      {std::to_string(lock_class)});
  std::map<std::uint32_t, LockHolder> result;
  for (std::size_t row = 0; row < rows.size(); ++row)
    result[static_cast<std::uint32_t>(rows.number(row, 0))] = {std::string(rows.text(row, 1)),
                                                               std::string(rows.text(row, 2))};
  return result;
}

void lock_targets(Session& session, std::vector<CatalogueTable> tables, std::chrono::seconds patience) {
  std::ranges::sort(tables, {}, &CatalogueTable::oid);  // two runs that want the same ones do not take one each
  Locking locking(session, patience);
  for (const CatalogueTable& table : tables) locking.lock(table);
}

std::string name_of_target_session() {
  const std::string mark = mark_of_this_process();
  return session_name + (mark.empty() ? "" : " " + mark);
}

}  // namespace rebuild_projection

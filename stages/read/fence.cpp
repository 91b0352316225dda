#include "stages/read/fence.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

constexpr std::chrono::milliseconds first_pause{2}, longest_pause{200};
constexpr std::chrono::seconds silence_max{2};
/// A transaction's now() is drawn when its first statement arrives, and it can be seen a little later.
constexpr std::chrono::milliseconds start_max{20};

/// Who draws the first column of the order, as far as the catalogue says.
struct Drawing {
  bool by_clock = false;
  std::optional<std::uint32_t> sequence;
  bool cached = false;  ///< the sequence gives sessions blocks of values
};

Drawing drawing_of(const EventStore& store, Session& session) {
  const auto& column = store.drawn_in();
  if (!column) return {};
  const Rows rows = session.execute(
      "SELECT pg_get_expr(d.adbin, d.adrelid), s.seqrelid, s.seqcache > 1"
      " FROM pg_attribute a"
      " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
      " LEFT JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND ("
      "   (p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid))"
      " LEFT JOIN pg_sequence s ON s.seqrelid = p.refobjid"
      " OR s.seqrelid = pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass"
      " WHERE a.attrelid = $1::oid AND a.attnum = $2::integer"
      " ORDER BY s.seqrelid NULLS LAST LIMIT 1",
      {std::to_string(column->relation), std::to_string(column->column)});
  Drawing drawing;
  if (rows.size() == 0) return drawing;
  if (!rows.is_null(0, 1)) {
    drawing.sequence = static_cast<std::uint32_t>(rows.number(0, 1));
    drawing.cached = rows.boolean(0, 2);
  } else {
    drawing.by_clock = !rows.is_null(0, 0);
  }
  return drawing;
}

/// What may yet commit an earlier event, by what stays the same until it has ended, with words for a person.
struct Open {
  std::string id;
  std::string who;
  std::optional<bool> early;  ///< it began before the end was noted; nullopt: this role may not see when
};

std::vector<Open> opened(const Rows& rows) {
  std::vector<Open> result;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Open one{std::string(rows.text(row, 0)), std::string(rows.text(row, 1)), std::nullopt};
    if (!rows.is_null(row, 2)) one.early = rows.boolean(row, 2);
    result.push_back(std::move(one));
  }
  return result;
}

/// Every transaction holds the lock of its own virtual id until after its commit can be seen, and pg_locks shows it to
/// any role. Vacuum's workers, which have no user, and this program's sessions write no events.
constexpr const char* sessions_with_transaction =
    " FROM pg_stat_activity a LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'virtualxid'"
    " AND l.mode = 'ExclusiveLock' AND l.granted"
    " WHERE a.datid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND a.usesysid IS NOT NULL"
    " AND a.pid <> pg_backend_pid() AND NOT starts_with(a.application_name, 'rebuild_projection/')";

const std::string id_and_words =
    "SELECT coalesce(l.virtualtransaction, 'process ' || a.pid), 'server process ' || a.pid || ' of role ' ||"
    " a.usename || coalesce(' (' || nullif(a.application_name, '') || ')', '') ||"
    " coalesce(', open since ' || date_trunc('second', a.xact_start), '')";  // hidden from other roles

/// Transactions, and statements that may begin one: a text of several transactions, sent as one, gives now() of its
/// arrival to all of them (https://www.postgresql.org/docs/current/protocol-flow.html, "Multiple Statements in a Simple
/// Query").
std::vector<Open> open_transactions(Session& session, const std::optional<std::string>& noted,
                                    const std::string& without_waiting) {
  return opened(
      session.execute(id_and_words + ", coalesce(a.xact_start, a.query_start) <= $1::timestamptz" +
                          sessions_with_transaction + without_waiting +
                          " AND (l.pid IS NOT NULL OR a.backend_type = 'client backend' AND a.state <> 'idle' AND"
                          "   coalesce(a.xact_start, a.query_start) <= $1::timestamptz)"
                          " ORDER BY a.xact_start, a.pid",
                      {noted}));
}

std::string array_of(const std::vector<std::uint32_t>& oids) {
  ArrayText array;
  for (const std::uint32_t oid : oids) array.add(std::to_string(oid));
  return array.take();
}

/// A condition on the sessions: that they do not wait for one of these tables.
std::string without_those_waiting_for(const std::vector<std::uint32_t>& tables) {
  if (tables.empty()) return "";
  return " AND NOT EXISTS (SELECT FROM pg_locks q WHERE q.pid = a.pid AND NOT q.granted AND q.locktype = 'relation'"
         " AND q.database = a.datid AND q.relation = ANY (" +
         literal(array_of(tables)) + "::oid[]))";
}

std::vector<Open> transactions_that_write(Session& session, const std::vector<std::uint32_t>& relations,
                                          const std::string& without_waiting) {
  return opened(session.execute(
      id_and_words + ", NULL" + sessions_with_transaction + without_waiting +
          " AND EXISTS (SELECT FROM pg_locks w WHERE w.pid = l.pid AND w.locktype = 'relation'"
          "   AND w.relation = ANY ($1::oid[]) AND w.database = a.datid AND w.granted"
          "   AND w.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))"
          " ORDER BY a.xact_start, a.pid",
      {array_of(relations)}));
}

std::vector<Open> prepared_transactions(Session& session) {
  return opened(session.execute(
      "SELECT transaction::text, 'the prepared transaction ' || quote_literal(gid) || ' of role ' || owner ||"
      " ', open since ' || date_trunc('second', prepared), NULL FROM pg_prepared_xacts WHERE database ="
      " current_database() ORDER BY prepared"));
}

class Wait {
 public:
  Wait(std::chrono::milliseconds timeout, std::stop_token stop) : timeout_(timeout), stop_(std::move(stop)) {}

  /// Until nothing of what `list` gives is early, and nothing of `first` is among it whose beginning is not shown.
  template <typename List>
  void until_ended(const std::vector<Open>& first, List&& list) {
    std::vector<Open> waited = first;
    for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
      std::erase_if(waited, [&](const Open& one) {
        return !one.early.value_or(std::ranges::find(first, one.id, &Open::id) != first.end());
      });
      if (waited.empty()) return;
      const auto so_far = std::chrono::steady_clock::now() - begin_;
      if (so_far >= timeout_) throw UsageError(out_of_time(waited));
      if (so_far >= silence_max && !std::exchange(said_, true))
        spdlog::info("waiting for {}: what it commits may come before the end of this run", names(waited));
      if (stop_.stop_requested()) throw Cancelled("stopped while waiting for " + names(waited));
      std::this_thread::sleep_for(pause);
      waited = list();
    }
  }

 private:
  static std::string names(const std::vector<Open>& waited) {
    return waited.front().who +
           (waited.size() > 1 ? " and " + std::to_string(waited.size() - 1) + " more" : std::string());
  }

  [[nodiscard]] std::string out_of_time(const std::vector<Open>& waited) const {
    return "waited " + std::to_string(std::chrono::ceil<std::chrono::seconds>(timeout_).count()) +
           " s (--fence-timeout) for " + names(waited) +
           ": a transaction that was open when the end of the run was noted may still commit an earlier event; nothing "
           "was changed; end it, wait longer, or pass --fence off and risk that its events are missed";
  }

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  const std::chrono::milliseconds timeout_;
  const std::stop_token stop_;
  bool said_ = false;
};

bool in_recovery(Session& session) {
  return session.execute("SELECT pg_is_in_recovery()").boolean(0, 0);
}

/// Whether the clock of the server, which draws what comes, is behind the run's end.
bool lies_ahead(const EventStore& store, Session& session, const Position& end) {
  if (!store.ordered_by_ts()) return false;
  return session.execute("SELECT $1::timestamptz > clock_timestamp()", {end.front()}).boolean(0, 0);
}

}  // namespace

void wait_at_fence(const EventStore& store, Session& session, std::chrono::milliseconds timeout,
                   const std::stop_token& stop, const std::vector<std::uint32_t>& locked) {
  if ((!store.file().horizon.empty() && locked.empty()) || in_recovery(session)) return;
  const std::string without_waiting = without_those_waiting_for(locked);
  const Drawing drawing = drawing_of(store, session);
  Wait wait(timeout, stop);
  if (drawing.sequence && !drawing.cached) {
    std::vector<std::uint32_t> relations = store.relations(session);
    relations.push_back(*drawing.sequence);
    // Only what has drawn a number is waited for, whenever it began.
    wait.until_ended(transactions_that_write(session, relations, without_waiting),
                     [&] { return open_transactions(session, std::nullopt, without_waiting); });
  } else {
    const std::string noted(session.execute("SELECT clock_timestamp()").text(0, 0));
    std::this_thread::sleep_for(start_max);
    const auto list = [&] { return open_transactions(session, noted, without_waiting); };
    wait.until_ended(list(), list);
  }
  // After the others, since one of them may have become one.
  wait.until_ended(prepared_transactions(session), [&] { return prepared_transactions(session); });
}

std::string why_late_events_may_come(const EventStore& store, Session& session, const Position& end) {
  if (!store.file().horizon.empty()) return "";
  if (in_recovery(session)) return "the store is read on a standby, which does not see the transactions of its primary";
  const Drawing drawing = drawing_of(store, session);
  const std::string column = "\"" + store.file().order.front() + "\"";
  if (lies_ahead(store, session, end)) return column + " of the last event is later than the server's clock";
  if (drawing.cached)
    return "the sequence of " + column + " hands out blocks (CACHE), so a later event can get an earlier number";
  if (!drawing.sequence && !drawing.by_clock)
    return "the store's catalogue gives " + column + " no default, so clients may draw it";
  if (!drawing.sequence && !session.execute("SELECT pg_has_role('pg_read_all_stats', 'USAGE')").boolean(0, 0))
    return "the role that reads the store lacks pg_read_all_stats, and so does not see when others' transactions began";
  return "";
}

}  // namespace rebuild_projection

#include "stages/commit/target_session.h"

#include <optional>
#include <utility>

#include "pipeline/error.h"
#include "stages/commit/target_locks.h"

namespace rebuild_projection {

namespace {

/// Its transaction is decided when this returns, and its locks are free.
void end_backend(Session& session, const Session::Backend& lost) {
  constexpr const char* patience_milliseconds = "5000";
  const Rows ended = session.execute(
      "SELECT pg_terminate_backend(pid, $3::bigint) FROM pg_stat_activity WHERE pid = $1::integer AND backend_start = "
      "$2::timestamptz",
      {std::to_string(lost.pid), lost.started, patience_milliseconds});
  if (ended.size() > 0 && !ended.boolean(0, 0))
    throw CannotConnect("server process " + std::to_string(lost.pid) +
                        ", which served this run before its connection was lost, has not ended yet");
}

void refuse_standby(Session& session) {
  if (session.execute("SELECT pg_is_in_recovery()").boolean(0, 0))
    throw CannotConnect("the target database " + session.where() +
                        " is a standby, which nothing can write to; --dsn takes the primary, --source-dsn the standby");
}

}  // namespace

std::unique_ptr<Session> connect_to_target(const Server& server, std::stop_token stop) {
  auto session =
      std::make_unique<Session>(server, name_of_target_session(), Session::Access::read_write, std::move(stop));
  refuse_standby(*session);
  return session;
}

void refuse_unwritable(Session& session) {
  refuse_standby(session);
  // Of several settings the one that counts comes first.
  const Rows rows = session.execute(
      "SELECT s.reset_val, current_user, (SELECT CASE WHEN d.setrole <> 0 THEN 'ROLE ' || quote_ident(session_user) ||"
      "   CASE WHEN d.setdatabase <> 0 THEN ' IN DATABASE ' || quote_ident(current_database()) ELSE '' END"
      "  WHEN d.setdatabase <> 0 THEN 'DATABASE ' || quote_ident(current_database()) ELSE 'ROLE ALL' END"
      "  FROM pg_db_role_setting AS d WHERE d.setrole IN (0, session_user::regrole) AND d.setdatabase IN"
      "  (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())) AND EXISTS"
      "  (SELECT FROM unnest(d.setconfig) AS c(setting) WHERE starts_with(c.setting, s.name || '='))"
      "  ORDER BY d.setrole = 0, d.setdatabase = 0 LIMIT 1)"
      " FROM pg_settings AS s WHERE s.name = 'default_transaction_read_only'");
  if (rows.text(0, 0) != "on") return;
  throw UsageError(
      "role " + std::string(rows.text(0, 1)) + " cannot write to " + session.where() +
      ": its transactions are read only, by the setting default_transaction_read_only; " +
      (rows.is_null(0, 2)
           ? "take that out of PGOPTIONS, the connection string's options or the server's configuration"
           : "to let it write: ALTER " + std::string(rows.text(0, 2)) + " RESET default_transaction_read_only;"));
}

LastingSession::Connect target_connector(Server server, std::vector<CatalogueTable> tables, std::stop_token abort,
                                         std::stop_token stop) {
  return [server = std::move(server), tables = std::move(tables), abort = std::move(abort), stop = std::move(stop),
          unfinished = std::optional<Session::Backend>()](const Session::Backend* lost) mutable {
    auto session = connect_to_target(server, stop);
    if (lost != nullptr) end_backend(*session, *lost);
    if (unfinished) end_backend(*session, *unfinished);
    // Lost from here on, it may hold locks, and the caller does not know it.
    unfinished = session->backend();
    try {
      lock_targets(*session, tables, std::chrono::seconds(0));
    } catch (const UsageError& error) {
      throw RunError(std::string("while the connection was lost: ") + error.what());
    }
    session->cancel_on(abort, stop);
    unfinished.reset();
    return session;
  };
}

}  // namespace rebuild_projection

#include "stages/commit/target_session.h"

#include <optional>
#include <utility>

#include "pipeline/error.h"
#include "stages/commit/target_checks.h"

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

}  // namespace

std::unique_ptr<Session> connect_to_target(const Server& server, std::stop_token stop) {
  auto session = std::make_unique<Session>(server, "commit", Session::Access::read_write, std::move(stop));
  if (session->execute("SELECT pg_is_in_recovery()").boolean(0, 0))
    throw CannotConnect("the target database " + session->where() +
                        " is a standby, which nothing can write to; --dsn takes the primary, --source-dsn the standby");
  return session;
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
      for (const CatalogueTable& table : tables) lock_target(*session, table);
    } catch (const UsageError& error) {
      throw RunError(std::string("while the connection was lost: ") + error.what());
    }
    session->cancel_on(abort, stop);
    unfinished.reset();
    return session;
  };
}

}  // namespace rebuild_projection

#include "stages/commit/target_session.h"

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

std::unique_ptr<Session> connect_to_target(const std::string& dsn) {
  auto session = std::make_unique<Session>(dsn, "commit", Session::Access::read_write);
  if (session->execute("SELECT pg_is_in_recovery()").boolean(0, 0))
    throw CannotConnect("the target database " + session->where() +
                        " is a standby, which nothing can write to; --dsn takes the primary, --source-dsn the standby");
  return session;
}

LastingSession::Connect target_connector(std::string dsn, std::vector<CatalogueTable> tables, std::stop_token abort) {
  return [dsn = std::move(dsn), tables = std::move(tables), abort = std::move(abort)](const Session::Backend* lost) {
    auto session = connect_to_target(dsn);
    session->cancel_on(abort);
    if (lost != nullptr) end_backend(*session, *lost);
    try {
      for (const CatalogueTable& table : tables) lock_target(*session, table);
    } catch (const UsageError& error) {
      throw RunError(std::string("while the connection was lost: ") + error.what());
    }
    return session;
  };
}

}  // namespace rebuild_projection

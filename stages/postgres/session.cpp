#include "stages/postgres/session.h"

#include <libpq-fe.h>

#include <charconv>

#include "stages/postgres/link.h"
#include "stages/postgres/peer_watch.h"
#include "stages/postgres/settings.h"
#include "stages/postgres/sqlstate.h"

namespace rebuild_projection {

namespace {

/// "ERROR:  relation …\nLINE 1: …\n" -> "relation …": the first line without its severity.
std::string primary_message(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  for (std::string_view severity : {"ERROR:", "FATAL:", "PANIC:"}) {
    if (const auto at = text.find(severity); at != std::string_view::npos) {
      text.remove_prefix(at + severity.size());
      break;
    }
  }
  const auto begin = text.find_first_not_of(' ');
  return std::string(begin == std::string_view::npos ? text : text.substr(begin));
}

}  // namespace

SqlError::SqlError(std::string state, const std::string& message, std::string sql)
    : RunError(message), sqlstate(std::move(state)), statement(std::move(sql)), said(message) {}

SqlError SqlError::of_server(std::string state, const std::string& message, std::string sql, bool reads) {
  const bool held_back = may_quote_values(state) && (reads || !state.starts_with("23"));
  const std::string shown = held_back ? condition_of(state) : message;
  SqlError error(std::move(state), shown, std::move(sql));
  error.said = message;
  return error;
}

bool SqlError::blames_data() const {
  // 22 data exception, 23 integrity violation, 54 a value too large for the server (an index entry, say), P0 raised by
  // a check's or a domain's function: https://www.postgresql.org/docs/current/errcodes-appendix.html
  return is_class("22") || is_class("23") || is_class("54") || is_class("P0");
}

bool SqlError::blames_row_read() const {
  return may_quote_values(sqlstate) || is_class("54") || is_class("XX");
}

bool SqlError::transient() const {
  // 40001 serialization failure (on a standby also a conflict with replay), 40P01 deadlock, 53300 too many connections,
  // 57P03 the server is starting or stopping.
  return connection_lost() || sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "53300" || sqlstate == "57P03";
}

struct Rows::Data {
  pqxx::result result;
};

namespace {
auto row_index(std::size_t row) {
  return static_cast<pqxx::result::size_type>(row);
}
auto column_index(std::size_t column) {
  return static_cast<pqxx::row::size_type>(column);
}
}  // namespace

std::size_t Rows::size() const {
  return static_cast<std::size_t>(data_->result.size());
}
std::size_t Rows::columns() const {
  return static_cast<std::size_t>(data_->result.columns());
}
bool Rows::is_null(std::size_t row, std::size_t column) const {
  return data_->result[row_index(row)][column_index(column)].is_null();
}
std::string_view Rows::text(std::size_t row, std::size_t column) const {
  const auto field = data_->result[row_index(row)][column_index(column)];
  return {field.c_str(), static_cast<std::size_t>(field.size())};
}
std::optional<std::string> Rows::optional(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return std::nullopt;
  return std::string(text(row, column));
}
std::uint64_t Rows::number(std::size_t row, std::size_t column) const {
  std::uint64_t value = 0;
  const std::string_view digits = text(row, column);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}
std::optional<Rows::Origin> Rows::origin(std::size_t column) const {
  const auto relation = data_->result.column_table(column_index(column));
  if (relation == 0) return std::nullopt;
  // libpqxx counts from 0.
  return Origin{relation, static_cast<int>(data_->result.table_column(column_index(column))) + 1};
}
std::uint64_t Rows::affected() const {
  return static_cast<std::uint64_t>(data_->result.affected_rows());
}

namespace {

/// Throws broken_connection, Cancelled.
RawConnection connected(const Server& server, const std::stop_token& stop) {
  RawConnection raw = connect_within(server.dsn, server.peer_timeout, [&] { return stop.stop_requested(); });
  if (stop.stop_requested()) throw Cancelled("stopped while connecting to the database");
  if (!raw)
    throw pqxx::broken_connection("no answer within " + std::to_string(server.peer_timeout.count()) +
                                  " s (--peer-timeout), or connect_timeout where that is set");
  if (PQstatus(raw.get()) != CONNECTION_OK) throw pqxx::broken_connection(PQerrorMessage(raw.get()));
  return raw;
}

}  // namespace

struct Session::Connection {
  Link link;
  Backend backend;
  std::string where;
  std::string user_search_path;
  PeerWatch watch;
  const bool reads;  ///< and writes nothing

  Connection(const Server& server, Access access, const std::stop_token& stop)
      : link(connected(server, stop)), watch(link.raw(), server.peer_timeout), reads(access == Access::read_only) {
    // A function of the user's may raise INFO, whatever the settings say; libpq would print it.
    constexpr auto ignore = [](void*, const PGresult*) {};
    PQsetNoticeReceiver(link.raw(), ignore, nullptr);
  }

  /// Throws that the connection was lost.
  [[noreturn]] void fail_lost(const std::string& message, const std::string& sql) const {
    const std::string why = watch.why_cut();
    if (!why.empty() && watch.stopped()) throw Cancelled("stopped while waiting for the database: " + why);
    throw SqlError("08006", "the connection to the database was lost: " + (why.empty() ? message : why), sql);
  }

  template <typename Call>
  Rows guarded(const std::string& sql, Call&& call) {
    watch.refuse_if_stopped();
    try {
      const PeerWatch::Call waiting(watch);
      return Rows(std::make_shared<const Rows::Data>(Rows::Data{call()}));
    } catch (const pqxx::deadlock_detected& error) {  // no sql_error in libpqxx 6, and without its state
      throw SqlError("40P01", primary_message(error.what()), sql);
    } catch (const pqxx::serialization_failure& error) {
      throw SqlError("40001", primary_message(error.what()), sql);
    } catch (const pqxx::insufficient_privilege& error) {  // without its state in libpqxx 6
      throw SqlError("42501", primary_message(error.what()), sql);
    } catch (const pqxx::sql_error& error) {
      if (error.sqlstate() == "57014" && watch.stopped()) throw Cancelled("the running statement was cancelled");
      if (error.sqlstate().empty() || !link.is_open()) fail_lost(primary_message(error.what()), sql);
      throw SqlError::of_server(error.sqlstate(), primary_message(error.what()), sql, reads);
    } catch (const pqxx::broken_connection& error) {
      fail_lost(primary_message(error.what()), sql);
    } catch (const pqxx::failure& error) {
      if (!link.is_open()) fail_lost(primary_message(error.what()), sql);
      throw SqlError("XX000", primary_message(error.what()), sql);
    }
  }
};

namespace {

/// libpq's own message about a connection string that it cannot read quotes the string, password and all.
void refuse_unreadable(const std::string& dsn) {
  PQconninfoOption* options = PQconninfoParse(dsn.c_str(), nullptr);
  if (options == nullptr)
    throw UsageError(
        "the connection string cannot be read (it is not shown, since it may hold a password); --dsn and --source-dsn "
        "take \"host=... dbname=...\" or \"postgresql://user@host/database\"");
  PQconninfoFree(options);
}

}  // namespace

bool holds_password(const std::string& dsn) {
  PQconninfoOption* options = PQconninfoParse(dsn.c_str(), nullptr);
  if (options == nullptr) return false;
  bool found = false;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option)
    found = found || (option->val != nullptr && std::string_view(option->dispchar) == "*");
  PQconninfoFree(options);
  return found;
}

Session::Session(const Server& server, std::string_view role, Access access, std::stop_token stop) {
  refuse_unreadable(server.dsn);
  try {
    connection_ = std::make_unique<Connection>(server, access, stop);
    cancel_on(std::move(stop));
    meet_server();
    const Rows rows = execute(pin_settings(role, access) +
                              "; SELECT current_database(), current_user, backend_start, pg_postmaster_start_time(), " +
                              not_pinned() + " FROM pg_stat_activity WHERE pid = pg_backend_pid()");
    if (!rows.is_null(0, 4))
      throw UsageError("role " + std::string(rows.text(0, 1)) + " may not change its settings: " +
                       std::string(rows.text(0, 4)) + "; connect as a role that is without them");
    connection_->backend.started = rows.text(0, 2);
    connection_->watch.knows(
        {std::to_string(backend().pid), backend().started, std::string(rows.text(0, 3)), access == Access::read_write});
    const char* host = PQhost(raw());
    const char* port = PQport(raw());
    connection_->where = std::string(rows.text(0, 0)) + " on " +
                         (host != nullptr && *host != '\0' ? host : "local socket") + ":" +
                         (port != nullptr ? port : "?") + " as " + std::string(rows.text(0, 1));
  } catch (const pqxx::failure& error) {
    throw CannotConnect("cannot connect to the database: " + primary_message(error.what()) +
                        "; check --dsn or PGHOST, PGPORT, PGUSER and PGDATABASE");
  } catch (const SqlError& error) {
    throw CannotConnect(std::string("cannot set up the session: ") + error.what());
  }
}

void Session::meet_server() {
  // A pooler's session serves others next: before it is known that there is none nothing is set, not even the search
  // path, so that what is asked needs no operator and says which schema everything is of.
  const Rows rows = execute(std::string(any_isolation) +
                            "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('search_path')");
  connection_->backend.pid = PQbackendPID(raw());
  if (rows.text(0, 0) != std::to_string(backend().pid))
    throw UsageError(
        "the connection goes through a pooler such as pgbouncer, which loses session state; connect to the "
        "server itself");
  connection_->user_search_path = rows.text(0, 1);
}

Session::~Session() = default;

Rows Session::execute(const std::string& sql) {
  return connection_->guarded(sql, [&] { return connection_->link.execute(sql); });
}

Rows Session::execute(const std::string& sql, const Parameters& parameters) {
  return connection_->guarded(sql, [&] { return connection_->link.execute(sql, parameters); });
}

void Session::prepare(const std::string& name, const std::string& sql) {
  connection_->guarded(sql, [&] {
    connection_->link.prepare(name, sql);
    return pqxx::result();
  });
}

Rows Session::execute_prepared(const std::string& name, const Parameters& parameters) {
  return connection_->guarded(name, [&] { return connection_->link.execute_prepared(name, parameters); });
}

void Session::cancel_on(std::stop_token at_once, std::stop_token waits) {
  connection_->watch.cancel_on(std::move(at_once), std::move(waits));
}

void Session::refuse_if_stopped() const {
  connection_->watch.refuse_if_stopped();
}

PeerWatch& Session::watch() const {
  return connection_->watch;
}

pg_conn* Session::raw() const {
  return connection_->link.raw();
}

void Session::fail(pg_result* result, const std::string& sql) const {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string sqlstate = state != nullptr ? state : "08006";
  const std::string message = primary_message(PQresultErrorMessage(result));
  PQclear(result);
  if (sqlstate == "57014" && watch().stopped()) throw Cancelled("the running statement was cancelled");
  if (PQstatus(raw()) != CONNECTION_OK && !sqlstate.starts_with("57P")) connection_->fail_lost(message, sql);
  throw SqlError::of_server(sqlstate, message, sql, connection_->reads);
}

namespace {

/// Calls `take` with each result that is left, which owns it.
template <typename Take>
void for_results(pg_conn* connection, PeerWatch& watch, Take&& take) {
  const PeerWatch::Call waiting(watch);
  while (PGresult* result = PQgetResult(connection)) {
    const auto status = PQresultStatus(result);
    take(result);
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN) break;  // the connection is lost in the middle
  }
}

}  // namespace

void Session::fail_lost(const std::string& message, const std::string& sql) const {
  connection_->fail_lost(message, sql);
}

void Session::start_copy(const std::string& sql) {
  refuse_if_stopped();
  PGresult* result = nullptr;
  {
    const PeerWatch::Call waiting(watch());
    result = PQexec(raw(), sql.c_str());
  }
  const auto status = PQresultStatus(result);
  if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT) fail(result, sql);
  PQclear(result);
}

std::uint64_t Session::end_copy(const std::string& sql) {
  std::uint64_t rows = 0;
  PGresult* failure = nullptr;
  for_results(raw(), watch(), [&](PGresult* result) {
    const std::string_view affected = PQcmdTuples(result);
    std::from_chars(affected.data(), affected.data() + affected.size(), rows);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && failure == nullptr)
      failure = result;
    else
      PQclear(result);
  });
  if (failure != nullptr) fail(failure, sql);
  return rows;
}

void Session::drop_copy() {
  for_results(raw(), watch(), [](PGresult* result) { PQclear(result); });
}

const Session::Backend& Session::backend() const {
  return connection_->backend;
}
const std::string& Session::where() const {
  return connection_->where;
}
const std::string& Session::user_search_path() const {
  return connection_->user_search_path;
}

}  // namespace rebuild_projection

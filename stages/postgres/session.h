#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/error.h"
#include "stages/postgres/connecting.h"
#include "stages/postgres/quoting.h"

struct pg_conn;
struct pg_result;

namespace rebuild_projection {

class PeerWatch;

/// The server refused a statement, or the connection broke. Told apart by SQLSTATE, never by text. What the server says
/// of data may quote values: what() is the condition alone then, and for --show-values there is `said`.
struct SqlError : RunError {
  SqlError(std::string state, const std::string& message, std::string statement);
  /// One that the server sent with this message. Of an integrity violation it names the constraint and no value; but a
  /// session that only `reads` meets one only where somebody raised it.
  static SqlError of_server(std::string state, const std::string& message, std::string statement, bool reads);

  std::string sqlstate;   ///< five characters; "08006" where the connection was lost
  std::string statement;  ///< the SQL, for the log at debug level
  std::string said;       ///< the server's own message

  [[nodiscard]] bool is_class(std::string_view two_characters) const { return sqlstate.starts_with(two_characters); }
  /// Caused by the values being written, so that leaving an event out can help.
  [[nodiscard]] bool blames_data() const;
  /// Caused by what was read: another row may well be read without it.
  [[nodiscard]] bool blames_row_read() const;
  [[nodiscard]] bool connection_lost() const { return is_class("08") || sqlstate == "57P01" || sqlstate == "57P02"; }
  /// Nothing is wrong with what was asked: the same may well succeed when it is tried again.
  [[nodiscard]] bool transient() const;
};

/// No session could be made: the server is not there, not ready, or lets nobody in.
struct CannotConnect : UsageError {
  using UsageError::UsageError;
};

/// One row set, all of it in memory. Cells live as long as this or a copy of it.
class Rows {
 public:
  struct Data;
  explicit Rows(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t columns() const;
  [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;  ///< "" where NULL
  [[nodiscard]] std::optional<std::string> optional(std::size_t row, std::size_t column) const;
  [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }
  [[nodiscard]] std::uint64_t number(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::uint64_t affected() const;
  /// The column of a relation, through subqueries too, that a column of these rows is; nullopt where it is computed.
  struct Origin {
    std::uint32_t relation = 0;  ///< its oid
    int column = 0;              ///< attnum
  };
  [[nodiscard]] std::optional<Origin> origin(std::size_t column) const;

 private:
  std::shared_ptr<const Data> data_;
};

/// One connection and everything on it; belongs to one thread at a time. It never reconnects: after a lost connection
/// every call throws. A server that is not heard of for Server::peer_timeout is a lost connection (PeerWatch). The
/// session runs in UTC and UTF8, with ISO dates and no search_path: all that is pinned is in `settings`.
class Session {
 public:
  enum class Access : std::uint8_t { read_only, read_write };

  /// Connects. `role` is what application_name says after "rebuild_projection/". A `stop` ends that, and later the
  /// running statement, as cancel_on() says. Throws CannotConnect, Cancelled, or UsageError if a pooler sits between
  /// (its session state would be lost).
  Session(const Server& server, std::string_view role, Access access, std::stop_token stop = {});
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Parameters are texts; nullopt is NULL.
  using Parameters = std::vector<std::optional<std::string>>;
  Rows execute(const std::string& sql);
  Rows execute(const std::string& sql, const Parameters& parameters);
  void prepare(const std::string& name, const std::string& sql);
  Rows execute_prepared(const std::string& name, const Parameters& parameters);

  /// Until this session ends or it is called again: cancels the running statement as soon as `at_once` is requested,
  /// now or later, and refuses every further one. After `waits` is requested a statement may be finished, unless a
  /// second later it waits for another session's lock or for a server that does not answer. Either way a call that does
  /// not end is over within two seconds, with Cancelled. From any thread.
  void cancel_on(std::stop_token at_once, std::stop_token waits = {});

  /// The server's process behind the session. A pid alone is given to another process sooner or later.
  struct Backend {
    int pid = 0;
    std::string started;
  };
  [[nodiscard]] const Backend& backend() const;
  /// "database on host:port as role"
  [[nodiscard]] const std::string& where() const;
  /// Throws Cancelled if what cancel_on() was given to cancel at once is requested.
  void refuse_if_stopped() const;
  /// Where the role would look up names that say no schema; the session itself looks in the catalogue only.
  [[nodiscard]] const std::string& user_search_path() const;

 private:
  friend class CopyIn;
  friend class CopyOut;
  /// libpq's connection, for what libpqxx cannot do. Nothing of libpqxx runs meanwhile.
  [[nodiscard]] pg_conn* raw() const;
  /// Watches over each call of libpq that may wait.
  [[nodiscard]] PeerWatch& watch() const;
  /// Throws that the connection was lost, and why as far as it is known.
  [[noreturn]] void fail_lost(const std::string& message, const std::string& sql) const;
  /// Sends a COPY statement; data may be sent or received afterwards.
  void start_copy(const std::string& sql);
  /// Throws what a result says that went wrong, and frees it.
  [[noreturn]] void fail(pg_result* result, const std::string& sql) const;
  /// Takes the results of a COPY whose data has been sent or received; the rows it counted. Throws the first failure.
  std::uint64_t end_copy(const std::string& sql);
  /// The same for one that was given up: whatever they say.
  void drop_copy();

  /// Learns whom it is connected to. Throws UsageError where that is a pooler, in whose session nothing was set.
  void meet_server();

  struct Connection;
  std::unique_ptr<Connection> connection_;
};

/// Whether a connection string holds a password; false where libpq cannot read it, which a Session refuses.
bool holds_password(const std::string& dsn);

}  // namespace rebuild_projection

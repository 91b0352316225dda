#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rebuild_projection::test {

/// A database of its own in the server that libpq's environment names (tools/private_postgres starts one), dropped at
/// the end. Talks to the server with libpqxx directly, so that it shares no code with what is tested.
class Database {
 public:
  /// `options` follow CREATE DATABASE, for example "ENCODING 'SQL_ASCII'".
  explicit Database(const std::string& options = "");
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  [[nodiscard]] const std::string& name() const { return name_; }
  /// "dbname=…", the rest comes from libpq's environment.
  [[nodiscard]] std::string dsn(const std::string& role = "") const;
  /// The same for a session of the tests, which has PostgreSQL's usual settings whatever the database has.
  [[nodiscard]] std::string own_dsn(const std::string& role = "") const;

  /// After the server was restarted.
  void reconnect();
  /// Gives every later session but the tests' own settings away from their defaults: hostile_settings().
  void make_hostile();

  /// Several statements, one transaction.
  void execute(const std::string& sql);
  /// First column of the first row; "NULL" where it is NULL, "" where there is no row.
  std::string value(const std::string& sql);
  /// All rows, "a|b" a row.
  std::vector<std::string> rows(const std::string& sql);

  /// event_store as the default store file describes it, empty, with its index on (ts, event_id).
  void create_event_store();
  /// Appends an event; the id is the number as a uuid, the time so many seconds after 2025-01-01Z.
  void append(std::uint64_t number, std::uint64_t seconds, const std::string& type, const std::string& stream_id,
              const std::string& payload);
  /// Digest of every column of event_store with xmin, xmax and ctid: any write to it, even a row lock, changes it.
  std::string store_digest();
  /// Digest of a table's rows, in no order.
  std::string digest(const std::string& table);

 private:
  struct Link;
  std::string name_;
  std::unique_ptr<Link> link_;
};

/// The uuid that Database::append gives to event `number`.
std::string event_id(std::uint64_t number);

}  // namespace rebuild_projection::test

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/database.h"
#include "tests/support/program.h"

namespace rebuild_projection::test {

/// What the program did: exit code, streams, and its --summary file, null where it wrote none.
struct Outcome : Program::Result {
  nlohmann::json summary;
  /// The summary's entry of a projection.
  [[nodiscard]] nlohmann::json projection(const std::string& name) const;
};

/// A client of its own with one transaction, open until it is ended or this goes: what another user holds or sees.
class OtherClient {
 public:
  explicit OtherClient(const Database& database, const std::string& begin = "BEGIN", const std::string& role = "");
  OtherClient(const OtherClient&) = delete;
  OtherClient& operator=(const OtherClient&) = delete;
  ~OtherClient();

  void execute(const std::string& sql);
  std::string value(const std::string& sql);

 private:
  struct Link;
  std::unique_ptr<Link> link_;
};

/// A role that may log in and has no rights; dropped with whatever it owns at the end. The database outlives it.
class Role {
 public:
  Role(Database& database, const std::string& prefix);
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;
  ~Role();
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string dsn() const { return database_.dsn(name_); }

 private:
  Database& database_;
  std::string name_;
};

/// A database with an event store and three projections of it, and what these must hold, computed by SQL from the
/// store alone:
///   event_rows  a row per event                          repeatable
///   stages      a candidate's last stage and its event   repeatable
///   counters    a candidate's number of changes          counts, so not repeatable
/// Event n (from 1) happens to candidate n % 7 at second n / 3 of the store's time, so that three events share each
/// instant; its payload has "n" and "stage"; every fifth is a "note_added", which stages and counters ignore, the
/// others are "stage_changed".
class Recruiting {
 public:
  Recruiting();

  /// Events first to last, put into the table in an order that is not theirs.
  void append(std::uint64_t first, std::uint64_t last);

  /// Added to the arguments of every run. A test in which other clients hold transactions open says "--fence off" here,
  /// since a run would wait for them before it begins.
  std::vector<std::string> always;

  /// The program's arguments with database, projection files, summary file and `always` before `arguments`.
  [[nodiscard]] std::vector<std::string> with_places(const std::vector<std::string>& arguments) const;
  Outcome run(const std::vector<std::string>& arguments);
  Outcome apply(const std::string& projection, std::vector<std::string> more = {});
  Outcome dry_run(const std::string& projection, std::vector<std::string> more = {});
  /// The result of a program that was started with with_places().
  Outcome result_of(Program& program);

  /// A store file whose reader waits at the payload of event `number` while another client holds advisory lock 42.
  std::string store_that_waits_at(std::uint64_t number);

  /// How many rows of the projection's table differ from what the events that satisfy `condition` make.
  std::string differing(const std::string& projection, const std::string& condition = "true");
  /// The query of it.
  static std::string differing_sql(const std::string& projection, const std::string& condition);
  /// The same, of the events up to the projection's checkpoint.
  std::string differing_up_to_checkpoint(const std::string& projection);
  /// Columns of the projection's checkpoint: "a|b".
  std::string checkpoint(const std::string& columns, const std::string& projection);
  /// Everything in the database that a rebuild could change: relations, rows, checkpoints, and the store's tuples.
  std::string everything();

  /// Waits until a session of the program waits for a lock; false after half a minute.
  bool wait_until_blocked();
  /// Waits until the program has noted its end and begun to ask which transactions are open, or only which are
  /// prepared; false after half a minute.
  bool wait_until_at_fence(const std::string& asks = "virtualxid|pg_prepared_xacts");
  /// Waits until the program has no session in this database; false after half a minute.
  bool wait_until_gone();

  Database database;
  Folder projections;
  Folder results;

 private:
  bool wait_until(const std::string& condition);
};

}  // namespace rebuild_projection::test

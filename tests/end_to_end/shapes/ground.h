#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/end_to_end/shapes/source_shape.h"
#include "tests/end_to_end/shapes/story.h"
#include "tests/end_to_end/shapes/target_shape.h"
#include "tests/support/program.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {

/// A database in which a shape of a target stands, as often as it is laid out, and the program at work on it. What is
/// not as it must be is a failure of the running test.
class Ground {
 public:
  explicit Ground(TargetShape target, SourceShape source = {});

  /// Everything anew: the target with the rows that the first `events` events make, the store with the first `told`.
  void lay_out(int events, int told = Story::events);
  /// Appends events first to last.
  void append(int first, int last);
  void tell_what_cannot_be();

  /// After the server was restarted.
  void reconnect();

  /// Runs the program with projections, store and database added to its arguments; `through` is another way to this
  /// database.
  Program::Result run(std::vector<std::string> arguments, const std::string& through = "") const;
  /// Runs it, and looks at what it did. True where it ended with `exit_code` and nothing was
  /// changed but the targets; false where it was refused, which may be so for `way` only, and nothing was changed at
  /// all.
  bool runs(Refusable way, const std::vector<std::string>& arguments, int exit_code = 0);
  /// The rows are what the first `events` events make; what no rule writes is as it was in rows that stay.
  void expect_rows(int events);
  /// The same as an answer.
  bool has_rows(int events);
  /// Nothing in the database has changed since it was laid out.
  void expect_untouched();
  /// Changes the table beside all triggers and foreign keys; false where the server refuses it.
  bool plant(const std::string& sql);

  Database database;

 private:
  /// As Story::state() has it, of everything or without the targets' rows, the program's own schema and sequences.
  const std::vector<std::string>& state();
  std::vector<std::string> state_of_others();
  /// What is not as it must be, "" for nothing.
  std::string wrong_rows(int events);
  /// The temporary table "want": rows after so many events.
  void want(int events);
  [[nodiscard]] std::string sql(const std::string& text) const;

  const TargetShape shape_;
  const SourceShape source_;
  std::unique_ptr<Role> role_;
  Folder projections_, stores_;
  std::vector<std::string> targets_;  ///< with their partitions, as Story::state() names them
  std::vector<std::string> state_;    ///< empty: not known since something was changed
  std::vector<std::string> laid_out_, kept_;
};

}  // namespace rebuild_projection::test

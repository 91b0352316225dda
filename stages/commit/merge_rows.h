#pragma once

#include <cstdint>
#include <string>

#include "stages/commit/statement_arrays.h"
#include "stages/commit/target_table.h"

namespace rebuild_projection {

/// Writes rows of which nobody knows whether they are there, by a MERGE, which looks. `table` outlives this.
class MergeRows {
 public:
  explicit MergeRows(const TargetTable& table);

  /// Prepares the statement in a session.
  void prepare(Session& session, const std::string& name);

  /// What a source row carries: what happens to a row that is there, to one that is not, or, where they are the same,
  /// both.
  enum class Branch : char { both = 'b', present = 'p', absent = 'a' };
  void add(Session& session, const ChangeSet& changes, const ChangeSet::Row& row, Branch branch);
  /// After the last row: how many rows were changed and created since the last call.
  std::uint64_t finish(Session& session);
  /// Forgets what a failed transaction left.
  void discard();

 private:
  [[nodiscard]] std::string sql(const ArraySource& source) const;
  void execute(Session& session);

  const TargetTable& table_;
  ArraySource source_;
  StatementArrays arrays_;
  std::string name_;
  std::uint64_t affected_ = 0;
};

}  // namespace rebuild_projection

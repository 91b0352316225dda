#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "stages/commit/statement_arrays.h"
#include "stages/commit/target_table.h"

namespace rebuild_projection {

/// Changes rows that are there, by an UPDATE of the columns that a batch changes and no others, made for what the batch
/// does to them: where every row replaces a column, no array says so. Batches of one projection are much alike, so a
/// few statements serve them all; they are prepared as they come up. `table` outlives this.
class UpdateRows {
 public:
  explicit UpdateRows(const TargetTable& table) : table_(table) {}

  /// Statements will be prepared in another session, under names that begin with `name`.
  void prepare(const std::string& name);
  /// Does to each row what its change says of one that is there; how many were there.
  std::uint64_t write(Session& session, const ChangeSet& changes, const std::vector<const ChangeSet::Row*>& rows);

 private:
  /// What is done to one column by any of the rows.
  enum class Way : char {
    nothing = '-',
    replace = 'r',          ///< every row replaces it
    replace_or_keep = 'R',  ///< none by NULL
    init = 'i',             ///< or keep
    combine = 'c',          ///< or keep; NULL becomes what others are combined with
    any = '*',
  };
  using Ways = std::vector<Way>;  // by column

  [[nodiscard]] Ways ways_of(const std::vector<const ChangeSet::Row*>& rows) const;
  [[nodiscard]] ArraySource source_of(const Ways& ways) const;
  [[nodiscard]] std::string sql(const Ways& ways) const;
  const std::string& statement(Session& session, Ways& ways);
  void encode(StatementArrays& arrays, const Ways& ways, const ColumnChanges& changes) const;

  const TargetTable& table_;
  std::string prefix_;
  std::map<Ways, std::string> statements_;  // their names
};

}  // namespace rebuild_projection

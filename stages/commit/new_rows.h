#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/change_set.h"
#include "stages/commit/target_table.h"
#include "stages/postgres/copy_in.h"

namespace rebuild_projection {

/// Writes rows of which is known that they are not there, by COPY: what the server would make of a row's defaults and
/// its change is worked out here, wherever that is certain to be the same. `table` outlives this.
class NewRows {
 public:
  explicit NewRows(const TargetTable& table) : table_(table) {}

  /// Asks what the defaults are.
  void prepare(Session& session);
  /// Writes those rows that it can, which must all be created by their changes, and takes them out of `rows`; how many.
  /// Throws SqlError, with 23505 where one of them is there.
  std::uint64_t write(Session& session, const ChangeSet& changes, std::vector<const ChangeSet::Row*>& rows);

 private:
  /// What a column begins with.
  struct Initial {
    bool known = true;                ///< else only the server knows: now(), say
    std::optional<std::string> text;  ///< nullopt: NULL
  };

  [[nodiscard]] std::string target() const;
  bool append_row(std::string& text, const ChangeSet& changes, const ChangeSet::Row& row) const;
  bool append_column(std::string& text, std::size_t column, const ColumnChange* change) const;

  const TargetTable& table_;
  bool possible_ = false;         // every column's value can be given to COPY
  std::vector<Initial> initial_;  // by column
};

}  // namespace rebuild_projection

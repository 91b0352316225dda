#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/change_set.h"
#include "pipeline/decimal.h"
#include "stages/commit/copied_row.h"
#include "stages/commit/target_table.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A COPY was refused for its data, and the server named the row. That it is this one is likely, not certain.
struct RefusedRow : SqlError {
  RefusedRow(const SqlError& error, const ChangeSet::Row* named) : SqlError(error), row(named) {}
  const ChangeSet::Row* row;
};

/// Writes rows of which is known that they are not there, by COPY: what the server would make of a row's defaults and
/// its change is worked out here, wherever that is certain to be the same. In the binary format, which the server reads
/// in little more than half the time, where all of a row's values have one. `table` outlives this.
class NewRows {
 public:
  explicit NewRows(const TargetTable& table) : table_(table) {}

  /// Asks what the defaults are.
  void prepare(Session& session);
  /// Writes those rows that it can, which must all be created by their changes, and takes them out of `rows`; how many.
  /// Throws SqlError, with 23505 where one of them is there; a RefusedRow where the server names a row.
  std::uint64_t write(Session& session, const ChangeSet& changes, std::vector<const ChangeSet::Row*>& rows);

 private:
  /// What a column begins with.
  struct Initial {
    bool known = true;                ///< else only the server knows: now(), say
    std::optional<std::string> text;  ///< nullopt: NULL
    std::optional<Decimal> number;    ///< where the text is one
  };

  void ask_initial(Session& session);
  [[nodiscard]] std::string target() const;
  /// As write(), by one COPY; `Format` is a TextRow or a BinaryRow.
  template <typename Format, typename... More>
  std::uint64_t copy(Session& session, const ChangeSet& changes, std::vector<const ChangeSet::Row*>& rows,
                     const More&... more) const;
  template <typename Format>
  bool append_row(Format& format, const ChangeSet::Row& row) const;
  template <typename Format>
  bool append_column(Format& format, std::size_t column, const ColumnChange* change) const;
  template <typename Format>
  bool append_combined(Format& format, std::size_t column, const ValueView& value) const;

  const TargetTable& table_;
  bool possible_ = false;         // every column's value can be given to COPY
  std::vector<Initial> initial_;  // by column
  BinaryForms forms_;
};

}  // namespace rebuild_projection

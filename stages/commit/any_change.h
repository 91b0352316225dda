#pragma once

#include <string>

#include "stages/commit/statement_arrays.h"
#include "stages/commit/target_table.h"

/// What may happen to columns, in SQL. The array `o` says what: a byte for each of these columns, in their order. For a
/// column, array `v` is the value, and where it combines, `n` is the one where the column is NULL, `w` and `m` are what
/// the two append.
namespace rebuild_projection {

/// The arrays of a row's part about such columns. The columns come first, then, if there were any, `o`.
class AnyChanges {
 public:
  static void add_column(ArraySource& source, const TargetTable::Target& target, std::size_t column);
  static void add_actions(ArraySource& source);

  /// A column's part of a row; nullptr keeps the column.
  void encode_column(StatementArrays& arrays, const TargetTable::Target& target, const ColumnChange* change);
  void encode_actions(StatementArrays& arrays);

 private:
  std::string actions_;
};

/// The column's new value, where `current` is SQL for its present one, and `place` the column's in `o`.
std::string any_change_sql(const TargetTable::Target& target, std::size_t column, std::size_t place,
                           const std::string& current);

/// `current` combined with `v`: NULL, or for `min` and `max` not to be used, where either is NULL.
std::string combined_sql(const TargetTable::Target& target, std::size_t column, const std::string& current);

}  // namespace rebuild_projection

#pragma once

#include <string>

#include "stages/commit/statement_arrays.h"
#include "stages/commit/target_table.h"

/// What may happen to a column, in SQL: arrays `o` says what, `v` is the value, and for a column that combines, `n` is
/// the one where the column is NULL, `w` and `m` are what the two append.
namespace rebuild_projection {

void add_any_change(ArraySource& source, const TargetTable::Target& target, std::size_t column);
/// The column's part of a row; nullptr keeps the column.
void encode_any_change(StatementArrays& arrays, const TargetTable::Target& target, const ColumnChange* change);
/// The column's new value, where `current` is SQL for its present one.
std::string any_change_sql(const TargetTable::Target& target, std::size_t column, const std::string& current);

/// `current` combined with `v`: NULL, or for `min` and `max` not to be used, where either is NULL.
std::string combined_sql(const TargetTable::Target& target, std::size_t column, const std::string& current);

}  // namespace rebuild_projection

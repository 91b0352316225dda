#pragma once

#include <cstddef>
#include <utility>

#include "pipeline/column_changes.h"
#include "pipeline/table.h"

/// The algebra of changes (pipeline/README.md, "Changes compose"): what events do to a row, without looking at the row,
/// in a form in which "first a, then b" is again a change. Composition is associative; everything concurrent in the
/// engine rests on that.
namespace rebuild_projection {

/// What happens to one row: to a row that is there, and to a row that is not.
struct RowChange {
  ColumnChanges present;
  ColumnChanges absent;
  /// A row that is there is deleted; what `creates` says then happens to it as to a row that is not there.
  bool removes = false;
  /// A row that is not there is created, with its column defaults, and then changed by `absent`.
  bool creates = false;
  /// `absent` equals `present` and is not stored: the case of every plain upsert.
  bool same = false;

  [[nodiscard]] const ColumnChanges& when_absent() const { return same ? present : absent; }
  [[nodiscard]] RowChange clone() const;

  /// A rule that creates its row when absent.
  static RowChange upsert(ColumnChanges columns);
  /// A rule that touches existing rows only.
  static RowChange update(ColumnChanges columns);
  static RowChange remove();
  /// This becomes "this, then an upsert of no column".
  void create();

  /// Says nothing, as one that was just made.
  [[nodiscard]] bool does_nothing() const { return !removes && !creates && present.empty(); }
  [[nodiscard]] std::size_t heap_bytes() const { return present.heap_bytes() + absent.heap_bytes(); }
};

/// `first` becomes "first, then `later`".
void compose(const TableLayout& table, RowChange& first, RowChange&& later);

}  // namespace rebuild_projection

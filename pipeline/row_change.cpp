#include "pipeline/row_change.h"

namespace rebuild_projection {

RowChange RowChange::clone() const {
  RowChange result;
  result.removes = removes;
  result.creates = creates;
  result.same = same;
  result.present = present.clone();
  result.absent = absent.clone();
  return result;
}

RowChange RowChange::upsert(ColumnChanges columns) {
  RowChange change;
  change.creates = true;
  change.same = true;
  change.present = std::move(columns);
  return change;
}

RowChange RowChange::update(ColumnChanges columns) {
  RowChange change;
  change.present = std::move(columns);
  return change;
}

RowChange RowChange::remove() {
  RowChange change;
  change.removes = true;
  return change;
}

void RowChange::create() {
  if (does_nothing()) same = true;
  creates = true;
}

void compose(const TableLayout& table, RowChange& first, RowChange&& later) {
  if (later.removes || first.does_nothing()) {
    first = std::move(later);
    return;
  }
  if (first.same) {  // The row is there afterwards in either case, and has the same changes behind it.
    first.present.compose(table, later.present);
    return;
  }
  if (first.creates) {
    first.absent.compose(table, later.present);
  } else if (later.creates) {
    first.creates = true;
    if (!later.same) {
      first.absent = std::move(later.absent);
    } else {
      first.absent = first.removes ? std::move(later.present) : later.present.clone();
    }
  }
  if (!first.removes) first.present.compose(table, later.present);
}

}  // namespace rebuild_projection

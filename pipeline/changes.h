#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/change_set.h"
#include "pipeline/event.h"
#include "pipeline/operand.h"
#include "pipeline/pending_changes.h"
#include "pipeline/table.h"

namespace rebuild_projection {

/// What one event does to one projection. A projector's handle() fills it; the engine moves it into the change set
/// after handle returned, or drops it when handle threw: an event's changes are all or none.
class Changes {
 public:
  explicit Changes(const TableLayout& table) : table_(&table) {}

  /// The change of one row, column by column. Valid until the next call of upsert(), update() or remove().
  class Row {
   public:
    /// Each brings `value` to the column's type and throws EventError where that cannot be: a fraction for an integer
    /// column, no number for `add`, `min` or `max`. A missing value does nothing, except that `add` takes it as 0. JSON
    /// null sets NULL, adds 0, appends a NULL element, and does nothing under `init`, `min`, `max`. A column or
    /// an operation on it that the layout does not declare is a bug of the projector: std::logic_error.
    Row& apply(Operation operation, std::size_t column, const Json& value);
    Row& set(std::string_view column, const Operand& value) { return apply(Operation::set, column, value); }
    Row& init(std::string_view column, const Operand& value) { return apply(Operation::init, column, value); }
    Row& add(std::string_view column, const Operand& value) { return apply(Operation::add, column, value); }
    Row& min(std::string_view column, const Operand& value) { return apply(Operation::min, column, value); }
    Row& max(std::string_view column, const Operand& value) { return apply(Operation::max, column, value); }
    Row& append(std::string_view column, const Operand& value) { return apply(Operation::append, column, value); }

   private:
    friend class Changes;
    Row& apply(Operation operation, std::string_view column, const Operand& value);
    explicit Row(Changes& changes) : changes_(&changes) {}
    Changes* changes_;
  };

  [[nodiscard]] const TableLayout& table() const { return *table_; }

  /// A row that is created when absent. `key` has one part per key column; a part that is missing or null is an
  /// EventError.
  Row upsert(std::span<const Json> key);
  Row upsert(std::initializer_list<Operand> key);
  /// A row that is changed only if it exists. The layout must say that the projector does this (std::logic_error).
  Row update(std::span<const Json> key);
  Row update(std::initializer_list<Operand> key);
  void remove(std::span<const Json> key);
  void remove(std::initializer_list<Operand> key);

  /// Moves everything into `set`, in the order of the calls, and leaves this empty.
  void move_into(ChangeSet& set) { set.add(pending_); }
  void discard() { pending_.clear(); }
  /// Drops the changes of the rows to whose canonical key (pipeline/key.h) `keep` does not say yes.
  template <typename Keep>
  void keep_rows(const Keep& keep) {
    std::erase_if(pending_.rows, [&](const PendingChanges::Row& row) { return !keep(pending_.key(row)); });
  }

 private:
  void begin(PendingChanges::Row::Kind kind, std::span<const Json> key);
  void begin(PendingChanges::Row::Kind kind, std::initializer_list<Operand> key);

  const TableLayout* table_;
  PendingChanges pending_;
  std::string spelling_;  ///< of the key that is being made
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "pipeline/table.h"
#include "pipeline/value.h"

namespace rebuild_projection {

/// What happens to one column, as it is read: the result where the column is NULL, and what happens otherwise. Refers
/// to where it was read.
struct ColumnChange {
  enum class Action : std::uint8_t {
    replace,  ///< becomes `value` (which may be NULL), whatever it was
    init,     ///< becomes `value` where it is NULL, else stays
    combine,  ///< becomes `if_null` where it is NULL, else the column's combining operation of itself with `value`
  };
  std::uint16_t column = 0;  ///< index in TableLayout::columns
  Action action = Action::replace;
  ValueView value;
  ValueView if_null;  ///< with combine: NULL where it equals `value`

  [[nodiscard]] const ValueView& when_null() const { return if_null.is_null() ? value : if_null; }
};

/// The changed columns of a row, sorted by column; a column that is not there stays as it is. One block of memory holds
/// columns, numbers and texts, so that a change costs few cache misses and, where nothing grows, no allocation.
class ColumnChanges {
 public:
  ColumnChanges() = default;
  ColumnChanges(ColumnChanges&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  ColumnChanges& operator=(ColumnChanges&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~ColumnChanges() { clear(); }
  [[nodiscard]] ColumnChanges clone() const;
  void clear();

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const;
  /// Valid until these changes change.
  [[nodiscard]] ColumnChange operator[](std::size_t index) const;

  class Iterator {
   public:
    ColumnChange operator*() const { return (*changes_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class ColumnChanges;
    Iterator(const ColumnChanges& changes, std::size_t index) : changes_(&changes), index_(index) {}
    const ColumnChanges* changes_;
    std::size_t index_;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

  /// These become "these, then `later`", which must not refer to them.
  void compose(const TableLayout& table, const ColumnChange& later);
  void compose(const TableLayout& table, const ColumnChanges& later);

  /// Makes room for so many more columns and texts, so that composing them allocates once.
  void reserve(std::size_t columns, std::size_t text_bytes);
  /// Memory held besides the object itself, in bytes.
  [[nodiscard]] std::size_t heap_bytes() const;
  /// Where compose() will look first, for a prefetch; may be nullptr.
  [[nodiscard]] const void* address() const { return block_; }

 private:
  struct Block;
  struct Entry;
  struct Wide;

  void insert(std::size_t index, const ColumnChange& later);
  void assign(std::size_t index, const ValueView& value);
  void set_text(std::size_t index, std::string_view text);
  void set_wide(std::size_t index, Wide&& wide);
  void drop(Entry& entry);
  void combine(const TableLayout& table, std::size_t index, const ColumnChange& later);
  void make_room(std::size_t bytes);
  void move_to_block(std::size_t free_bytes);

  Block* block_ = nullptr;
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/key.h"
#include "pipeline/row_change.h"
#include "pipeline/table.h"

namespace rebuild_projection {

/// The changes of one projector, at most one per row.
/// Not thread-safe. Keeps a reference to the layout.
class ChangeSet {
 public:
  struct Row {
    std::string_view canonical;    ///< see Key; valid as long as the row
    std::vector<std::string> key;  ///< as the event spelled it that creates the row
    RowChange change;
    std::size_t bytes = 0;  ///< this row's share of bytes()
  };

  explicit ChangeSet(const TableLayout& table) : table_(&table) {}

  /// The row's change becomes "what it was, then `change`".
  void add(Key&& key, RowChange&& change);
  /// All of `later` after all of this.
  void append(ChangeSet&& later);

  [[nodiscard]] const TableLayout& table() const { return *table_; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Memory held, in bytes, estimated from the number and size of the values.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// The rows in the order of their canonical keys: the order in which they are locked and written.
  [[nodiscard]] std::vector<const Row*> sorted() const;
  /// What is written to a key column: as the event spelled it that creates the row.
  [[nodiscard]] static const std::string& key_text(const Row& row, std::size_t part) { return row.key[part]; }
  void clear();

 private:
  void compose_into(Row& row, std::vector<std::string>&& key, RowChange&& later);

  const TableLayout* table_;
  std::unordered_map<std::string, Row> rows_;
  std::size_t bytes_ = 0;
};

}  // namespace rebuild_projection

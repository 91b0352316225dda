#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/column_changes.h"

namespace rebuild_projection {

/// Changes of rows in the order in which events make them, in flat memory that is used again. `Changes` writes them, a
/// `ChangeSet` composes them into its rows.
struct PendingChanges {
  struct Row {
    enum class Kind : std::uint8_t { upsert, update, remove };
    std::size_t text = 0;  ///< where its texts begin: the key, how it is spelled otherwise, the values
    std::size_t first_operation = 0;
    std::uint32_t operations = 0;
    std::uint32_t key_size = 0;
    std::uint32_t spelling_size = 0;
    Kind kind = Kind::upsert;
  };
  /// What happens to a column.
  struct Operation {
    std::uint16_t column = 0;
    ColumnChange::Action action = ColumnChange::Action::replace;
    ValueView::Kind kind = ValueView::Kind::null;
    std::uint32_t size = 0;   ///< of a text; a number's scale
    std::int64_t number = 0;  ///< or where the text begins, counted from its row's
  };

  std::vector<Row> rows;
  std::vector<Operation> operations;
  std::string texts;

  [[nodiscard]] std::string_view key(const Row& row) const { return {texts.data() + row.text, row.key_size}; }
  [[nodiscard]] std::string_view spelling(const Row& row) const {
    return {texts.data() + row.text + row.key_size, row.spelling_size};
  }
  /// Refers to the texts.
  [[nodiscard]] ColumnChange change(const Row& row, std::size_t index) const {
    const Operation& one = operations[row.first_operation + index];
    ColumnChange change{one.column, one.action, {}, {}};
    if (one.kind == ValueView::Kind::number)
      change.value = ValueView::number(one.number, static_cast<int>(one.size));
    else if (one.kind == ValueView::Kind::moment)
      change.value = Timestamp{one.number};
    else if (one.kind != ValueView::Kind::null)
      change.value = {one.kind, {texts.data() + row.text + one.number, one.size}};
    return change;
  }

  /// All of `later` after all of these.
  void append(const PendingChanges& later) {
    for (Row row : later.rows) {
      row.text += texts.size();
      row.first_operation += operations.size();
      rows.push_back(row);
    }
    operations.insert(operations.end(), later.operations.begin(), later.operations.end());
    texts += later.texts;
  }
  void clear() {
    rows.clear();
    operations.clear();
    texts.clear();
  }
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/decimal.h"
#include "pipeline/table.h"
#include "pipeline/timestamp.h"

/// The algebra of changes (pipeline/README.md, "Changes compose"): what events do to a row, without looking at the row,
/// in a form in which "first a, then b" is again a change. Composition is associative; everything concurrent in the
/// engine rests on that.
namespace rebuild_projection {

/// SQL NULL.
struct Null {
  friend bool operator==(Null, Null) = default;
};

/// A list under `append`: a base and what was appended to it; a nullopt element is NULL. The base is the text of an
/// array. Without one, an operand of `combine` appends to the column's own value, and everywhere else to SQL NULL.
struct List {
  std::optional<std::string> base;
  std::vector<std::optional<std::string>> appended;
  std::size_t appended_bytes = 0;  ///< estimated memory of the elements' texts, so that nobody has to count them again
  friend bool operator==(const List&, const List&) = default;
};

/// A value on its way to a column. Text is converted by the column's own input function.
using Value = std::variant<Null, std::string, Decimal, Timestamp, std::unique_ptr<List>>;
Value copy(const Value& value);
/// The same value, spelled the same: 1.0 and 1.00 are not.
bool equal(const Value& left, const Value& right);
/// The text that the column's input function gets; must not be Null or a List.
std::string to_text(const Value& value);

/// What happens to one column: the result where the column is NULL, and what happens otherwise.
struct ColumnChange {
  enum class Action : std::uint8_t {
    replace,  ///< becomes `value` (which may be Null), whatever it was
    init,     ///< becomes `value` where it is NULL, else stays
    combine,  ///< becomes `if_null` where it is NULL, else the column's combining operation of itself with `value`
  };
  std::uint16_t column = 0;  ///< index in TableLayout::columns
  Action action = Action::replace;
  Value value;
  std::unique_ptr<Value> if_null;  ///< with combine: empty where it equals `value`

  [[nodiscard]] const Value& when_null() const { return if_null ? *if_null : value; }
};

/// The changed columns, sorted by column; a column that is not there stays as it is.
using ColumnChanges = std::vector<ColumnChange>;

/// What happens to one row: to a row that is there, and to a row that is not.
struct RowChange {
  /// A row that is there is deleted; what `creates` says then happens to it as to a row that is not there.
  bool removes = false;
  /// A row that is not there is created, with its column defaults, and then changed by `absent`.
  bool creates = false;
  /// `absent` equals `present` and is not stored: the case of every plain upsert.
  bool same = false;
  ColumnChanges present;
  ColumnChanges absent;

  [[nodiscard]] const ColumnChanges& when_absent() const { return same ? present : absent; }
  [[nodiscard]] RowChange clone() const;

  /// A rule that creates its row when absent.
  static RowChange upsert(ColumnChanges columns);
  /// A rule that touches existing rows only.
  static RowChange update(ColumnChanges columns);
  static RowChange remove();
};

/// `first` becomes "first, then `later`".
void compose(const TableLayout& table, ColumnChanges& first, ColumnChange&& later);
void compose(const TableLayout& table, ColumnChanges& first, ColumnChanges&& later);
void compose(const TableLayout& table, RowChange& first, RowChange&& later);

}  // namespace rebuild_projection

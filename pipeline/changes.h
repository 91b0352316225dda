#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/decimal.h"
#include "pipeline/event.h"
#include "pipeline/operand.h"
#include "pipeline/table.h"
#include "pipeline/timestamp.h"

/// The algebra of changes (DESIGN: "Changes compose"): what events do to a row, without looking at the row, in a form
/// in which "first a, then b" is again a change. Composition is associative; everything concurrent in the engine rests
/// on that.
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

/// A row's key: `canonical` is the same for keys that the database holds equal.
struct Key {
  std::string canonical;
  std::vector<std::string> values;  ///< what is written, one per key column
};

/// Makes keys of one projection's table. Throws EventError for a part that is missing, null or not of the column's
/// type; the column is named, the value is not.
Key make_key(const TableLayout& table, std::span<const Json> parts);

/// The changes of one projector, at most one per row.
/// Not thread-safe. Keeps a reference to the layout.
class ChangeSet {
 public:
  struct Row {
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
  void clear();

 private:
  void compose_into(Row& row, std::vector<std::string>&& key, RowChange&& later);

  const TableLayout* table_;
  std::unordered_map<std::string, Row> rows_;
  std::size_t bytes_ = 0;
};

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
    Row(Changes& changes, std::size_t index) : changes_(&changes), index_(index) {}
    Changes* changes_;
    std::size_t index_;
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
  void move_into(ChangeSet& set);
  void discard() { pending_.clear(); }

 private:
  const TableLayout* table_;
  std::vector<std::pair<Key, RowChange>> pending_;
};

}  // namespace rebuild_projection

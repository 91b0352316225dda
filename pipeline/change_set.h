#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/key.h"
#include "pipeline/pending_changes.h"
#include "pipeline/row_change.h"
#include "pipeline/row_table.h"
#include "pipeline/table.h"

namespace rebuild_projection {

class SortedRuns;

/// Rows in the order of their keys lie anywhere in memory, and each would be one cache miss after the other. For a walk
/// over them that is at `at`: asks for the rows some places ahead, and with `changes` for what nearer ones hold.
enum class FetchAhead : std::uint8_t { rows, changes };
void fetch_ahead(std::span<const ChangedRow* const> rows, std::size_t at, FetchAhead what);

/// The changes of one projector, at most one per row. Those that are too many for memory can go to a temporary file.
/// Not thread-safe, not even for readers: the last few changes are composed when somebody asks. Keeps a reference to
/// the layout.
class ChangeSet {
 public:
  using Row = ChangedRow;

  explicit ChangeSet(const TableLayout& table) : table_(&table) {}

  /// Each row's change becomes "what it was, then these", in their order. Leaves them empty.
  void add(PendingChanges& changes);
  /// The row's change becomes "what it was, then `change`". The key is one of append_key().
  void add(std::string_view key, std::string_view spelling, RowChange&& change);
  /// All of `later`, of which nothing was spilled, after all of this.
  void append(ChangeSet&& later);

  [[nodiscard]] const TableLayout& table() const { return *table_; }
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return !runs_ && rows_.size() == 0 && waiting_.rows.empty(); }
  /// Memory held, in bytes, to within a tenth. Costs nothing to ask.
  [[nodiscard]] std::size_t bytes() const { return rows_.bytes() + change_bytes_ + spelling_bytes_; }
  /// The rows in the order of their canonical keys: the order in which they are locked and written. Valid until a
  /// change is added.
  [[nodiscard]] std::vector<const Row*> sorted() const;
  /// What is written to a key column: as the event spelled it that creates the row.
  [[nodiscard]] std::string key_text(const Row& row, std::size_t part) const;
  void clear();

  /// Puts all that is in memory into a temporary file in `directory`. Throws std::system_error where that has no room;
  /// then nothing has changed. Afterwards only for_parts() has all rows: size() and sorted() have those in memory.
  void spill(const std::string& directory);
  /// Bytes in temporary files.
  [[nodiscard]] std::uint64_t spilled_bytes() const;
  /// Some row is deleted, at least for a while.
  [[nodiscard]] bool removes() const;
  /// Calls `visit` with this; or where something was spilled with sets in memory, which together have all rows, each
  /// once, in the order of sorted(), and for which `bytes` are needed.
  void for_parts(std::size_t bytes, const std::function<void(const ChangeSet&)>& visit) const;

  /// How a row's key is spelled where that is not canonical, else empty.
  [[nodiscard]] std::string_view spelling(const Row& row) const;

 private:
  /// What is known of a change that waits.
  struct Fetch {
    std::uint32_t hash = 0;
    const Row* row = nullptr;  ///< most likely
  };

  void fetch(std::size_t number) const;
  void settle() const;
  void compose(const PendingChanges::Row& pending, std::uint32_t hash) const;
  void spell(const Row& row, std::string_view spelling) const;

  const TableLayout* table_;
  // Mutable: a change that waits says the same as one that is composed.
  mutable PendingChanges waiting_;
  mutable std::vector<Fetch> fetches_;  // for each row of these
  mutable RowTable rows_;
  mutable std::unordered_map<const Row*, std::string> spellings_;  // of the few keys that are not spelled canonically
  mutable std::size_t change_bytes_ = 0;
  mutable std::size_t spelling_bytes_ = 0;
  mutable bool removes_ = false;
  std::shared_ptr<SortedRuns> runs_;  // earlier than all of these; of this set alone
};

}  // namespace rebuild_projection

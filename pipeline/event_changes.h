#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/change_codec.h"
#include "pipeline/change_set.h"
#include "pipeline/event.h"
#include "pipeline/page.h"

namespace rebuild_projection {

/// What single events do to one projection's rows, kept apart from one another and in their order: so that some of them
/// can be composed, and others left out. Flat memory. Not thread-safe. Keeps a reference to the layout.
class EventChanges {
 public:
  using RowFilter = std::function<bool(std::string_view key)>;

  explicit EventChanges(const TableLayout& table) : table_(&table) {}

  /// Adds the event that is the `number`th of its batch, with all that it changes.
  void add(std::uint64_t number, const StoredEvent& event, const ChangeSet& changes);
  void clear();

  [[nodiscard]] std::size_t size() const { return events_.size(); }
  /// Memory held, about.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::uint64_t number(std::size_t index) const { return events_[index].number; }
  /// Its id and position.
  [[nodiscard]] DeadLetter event(std::size_t index) const;
  /// Calls `visit` with the canonical keys of the rows that it changes.
  void for_keys(std::size_t index, const std::function<void(std::string_view key)>& visit) const;

  /// What one event does to one row.
  struct Change {
    std::size_t event = 0;   ///< its index
    std::size_t record = 0;  ///< where in records_ it is
  };
  /// What is done to the rows to whose key `wanted` says yes, in the order of the events.
  [[nodiscard]] std::vector<Change> changes(const RowFilter& wanted) const;
  /// Brings what is done to one row together; within a row the order stays.
  void sort_by_row(std::vector<Change>& changes) const;
  [[nodiscard]] std::string_view key(const Change& change) const;
  /// What these do one after the other.
  [[nodiscard]] ChangeSet composed(std::span<const Change> changes) const;

 private:
  struct Kept {
    std::uint64_t number = 0;
    std::size_t identity = 0;  ///< where in identities_ its id and position begin
    std::size_t records = 0;   ///< where in records_ its rows do
  };
  template <typename Visit>
  void for_records(std::size_t index, const Visit& visit) const;
  [[nodiscard]] RowRecord record(std::size_t at) const;

  const TableLayout* table_;
  std::vector<Kept> events_;
  std::vector<std::string> identities_;  // the id, then the parts of the position, of each event
  std::string records_;                  // of change_codec.h
};

}  // namespace rebuild_projection

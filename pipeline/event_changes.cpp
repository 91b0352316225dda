#include "pipeline/event_changes.h"

#include <algorithm>
#include <utility>

namespace rebuild_projection {

void EventChanges::add(std::uint64_t number, const StoredEvent& event, const ChangeSet& changes) {
  events_.push_back({number, identities_.size(), records_.size()});
  identities_.push_back(event.event_id.text());
  for (std::string& part : event.owned_position()) identities_.push_back(std::move(part));
  for (const ChangeSet::Row* row : changes.sorted())
    append_record(records_, row->key(), changes.spelling(*row), row->change);
}

void EventChanges::clear() {
  events_.clear();
  identities_.clear();
  records_.clear();
}

std::size_t EventChanges::bytes() const {
  // A part of a position or an id seldom outgrows its string by more than it holds.
  return events_.size() * sizeof(Kept) + identities_.size() * 2 * sizeof(std::string) + records_.size();
}

DeadLetter EventChanges::event(std::size_t index) const {
  const auto begin = identities_.begin() + static_cast<std::ptrdiff_t>(events_[index].identity);
  const auto end = index + 1 < events_.size()
                       ? identities_.begin() + static_cast<std::ptrdiff_t>(events_[index + 1].identity)
                       : identities_.end();
  return {*begin, Position(begin + 1, end), ""};
}

RowRecord EventChanges::record(std::size_t at) const {
  return read_record({records_.data() + at + record_head_bytes, record_bytes(records_.data() + at)});
}

template <typename Visit>
void EventChanges::for_records(std::size_t index, const Visit& visit) const {
  const std::size_t end = index + 1 < events_.size() ? events_[index + 1].records : records_.size();
  for (std::size_t at = events_[index].records; at < end; at += record_head_bytes + record_bytes(records_.data() + at))
    visit(at);
}

void EventChanges::for_keys(std::size_t index, const std::function<void(std::string_view)>& visit) const {
  for_records(index, [&](std::size_t at) { visit(record(at).key); });
}

std::vector<EventChanges::Change> EventChanges::changes(const RowFilter& wanted) const {
  std::vector<Change> result;
  for (std::size_t index = 0; index < events_.size(); ++index)
    for_records(index, [&](std::size_t at) {
      if (wanted(record(at).key)) result.push_back({index, at});
    });
  return result;
}

void EventChanges::sort_by_row(std::vector<Change>& changes) const {
  std::ranges::stable_sort(changes, {}, [this](const Change& change) { return key(change); });
}

std::string_view EventChanges::key(const Change& change) const {
  return record(change.record).key;
}

ChangeSet EventChanges::composed(std::span<const Change> changes) const {
  ChangeSet result(*table_);
  for (const Change& change : changes) {
    const RowRecord row = record(change.record);
    result.add(row.key, row.spelling, read_change(*table_, row.change));
  }
  return result;
}

}  // namespace rebuild_projection

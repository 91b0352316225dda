#include "pipeline/change_set.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "pipeline/hash.h"
#include "pipeline/sorted_runs.h"

namespace rebuild_projection {
namespace {

// Rows that wait to be composed: so many that what they touch is there when their turn comes, so few that it is still
// there. Texts beyond this are composed at once.
constexpr std::size_t waiting_rows_max = 32;
constexpr std::size_t waiting_text_bytes_max = 65'536;
// After so many more rows what was fetched for one has come, and says what to fetch next.
constexpr std::size_t fetch_rows = 4;
constexpr std::size_t line_bytes = 64, fetched_lines = 5;  // the changes of some ten columns

std::uint32_t short_hash(std::string_view key) {
  return static_cast<std::uint32_t>(hash_of(key));
}

/// The first bytes of a key as a number that sorts as they do.
std::uint64_t beginning(std::string_view key) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(number); ++i)
    number = number << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0U);
  return number;
}

void prefetch_row(const ChangedRow* row) {
  __builtin_prefetch(row);
  __builtin_prefetch(reinterpret_cast<const char*>(row + 1) - 1);  // it may lie in two lines
}

void prefetch_changes(const ChangedRow* row) {
  const auto* const changes = static_cast<const char*>(row->change.present.address());
  for (std::size_t line = 0; line < fetched_lines; ++line) __builtin_prefetch(changes + line * line_bytes);
}

}  // namespace

void fetch_ahead(std::span<const ChangedRow* const> rows, std::size_t at, FetchAhead what) {
  constexpr std::size_t places = 8;
  if (at + 2 * places < rows.size()) prefetch_row(rows[at + 2 * places]);
  if (what == FetchAhead::changes && at + places < rows.size()) prefetch_changes(rows[at + places]);
}

void ChangeSet::add(PendingChanges& changes) {
  std::size_t number = waiting_.rows.size();
  waiting_.append(changes);
  changes.clear();
  for (; number < waiting_.rows.size(); ++number) fetch(number);
  if (number >= waiting_rows_max || waiting_.texts.size() >= waiting_text_bytes_max) settle();
}

/// A row is one cache miss after the other: its slot in the table, the row, what it holds. They are fetched for several
/// rows at once: the first for row `number` of those that wait, the others for rows before it.
void ChangeSet::fetch(std::size_t number) const {
  if (number < waiting_.rows.size()) {
    fetches_.push_back({short_hash(waiting_.key(waiting_.rows[number])), nullptr});
    rows_.prefetch_slot(fetches_[number].hash);
  }
  if (number >= fetch_rows && number - fetch_rows < fetches_.size()) {
    Fetch& one = fetches_[number - fetch_rows];
    one.row = rows_.probable(one.hash);
    if (one.row != nullptr) prefetch_row(one.row);
  }
  if (number >= 2 * fetch_rows && number - 2 * fetch_rows < fetches_.size()) {
    if (const Row* const row = fetches_[number - 2 * fetch_rows].row) prefetch_changes(row);
  }
}

/// Composes what waits.
void ChangeSet::settle() const {
  const std::size_t count = waiting_.rows.size();
  if (count == 0) return;
  for (std::size_t number = count; number < count + 2 * fetch_rows; ++number) fetch(number);
  for (std::size_t number = 0; number < count; ++number) compose(waiting_.rows[number], fetches_[number].hash);
  fetches_.clear();
  waiting_.clear();
  if (waiting_.texts.capacity() > 4 * waiting_text_bytes_max) std::string().swap(waiting_.texts);
}

void ChangeSet::compose(const PendingChanges::Row& pending, std::uint32_t hash) const {
  Row& row = rows_.find_or_insert(hash, waiting_.key(pending));
  RowChange& change = row.change;
  const std::size_t bytes_before = change.heap_bytes();
  const bool removes = pending.kind == PendingChanges::Row::Kind::remove;
  if (!change.creates || removes) spell(row, waiting_.spelling(pending));
  if (removes) {
    removes_ = true;
    change = RowChange::remove();
  } else if (pending.kind == PendingChanges::Row::Kind::upsert) {
    change.create();
  }
  if (pending.operations > 1 && change.present.empty() && !change.removes) {
    std::size_t text_bytes = 0;
    for (std::size_t i = 0; i < pending.operations; ++i) {
      const ColumnChange one = waiting_.change(pending, i);
      if (one.value.is_text()) text_bytes += one.value.text().size() + 3;
    }
    change.present.reserve(pending.operations, text_bytes);
  }
  for (std::size_t i = 0; i < pending.operations; ++i) {
    const ColumnChange one = waiting_.change(pending, i);
    if (change.creates && !change.same) change.absent.compose(*table_, one);
    if (!change.removes) change.present.compose(*table_, one);
  }
  change_bytes_ += change.heap_bytes() - bytes_before;
}

void ChangeSet::add(std::string_view key, std::string_view spelling, RowChange&& later) {
  settle();
  Row& row = rows_.find_or_insert(short_hash(key), key);
  const std::size_t bytes_before = row.change.heap_bytes();
  if (!row.change.creates || later.removes) spell(row, spelling);
  removes_ = removes_ || later.removes;
  rebuild_projection::compose(*table_, row.change, std::move(later));
  change_bytes_ += row.change.heap_bytes() - bytes_before;
}

void ChangeSet::append(ChangeSet&& later) {
  if (empty()) {
    std::swap(*this, later);
    return;
  }
  later.settle();
  for (std::size_t number = 0; number < later.rows_.size(); ++number) {
    Row& row = later.rows_[number];
    add(row.key(), later.spelling(row), std::move(row.change));
  }
  later.clear();
}

/// The key is written only where the row is created: 1.0 and 1.00 are one key, and the row's creator says which is
/// written.
void ChangeSet::spell(const Row& row, std::string_view spelling) const {
  if (spellings_.empty() && spelling.empty()) return;
  constexpr std::size_t node_bytes = allocated_bytes(sizeof(void*) + sizeof(std::pair<const Row*, std::string>));
  const auto found = spellings_.find(&row);
  if (found != spellings_.end()) {
    spelling_bytes_ -= node_bytes + found->second.capacity();
    if (spelling.empty()) spellings_.erase(found);
  }
  if (spelling.empty()) return;
  std::string& text = spellings_[&row];
  text = spelling;
  spelling_bytes_ += node_bytes + text.capacity();
}

std::string_view ChangeSet::spelling(const Row& row) const {
  if (spellings_.empty()) return {};
  const auto found = spellings_.find(&row);
  return found == spellings_.end() ? std::string_view() : found->second;
}

std::size_t ChangeSet::size() const {
  settle();
  return rows_.size();
}

std::string ChangeSet::key_text(const Row& row, std::size_t part) const {
  return rebuild_projection::key_text(*table_, row.key(), spelling(row), part);
}

std::vector<const ChangeSet::Row*> ChangeSet::sorted() const {
  settle();
  // The first bytes beside the row: few comparisons have to look at it.
  std::vector<std::pair<std::uint64_t, const Row*>> entries;
  entries.reserve(rows_.size());
  for (std::size_t number = 0; number < rows_.size(); ++number)
    entries.emplace_back(beginning(std::as_const(rows_)[number].key()), &rows_[number]);
  std::sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
    return left.first != right.first ? left.first < right.first : left.second->key() < right.second->key();
  });
  std::vector<const Row*> result;
  result.reserve(entries.size());
  for (const auto& entry : entries) result.push_back(entry.second);
  return result;
}

std::uint64_t ChangeSet::spilled_bytes() const {
  return runs_ ? runs_->bytes() : 0;
}

bool ChangeSet::removes() const {
  settle();
  return removes_;
}

void ChangeSet::spill(const std::string& directory) {
  settle();
  auto runs = runs_ ? runs_ : std::make_shared<SortedRuns>(directory);
  runs->add(*this);
  const bool removes = removes_;
  clear();
  runs_ = std::move(runs);
  removes_ = removes;
}

void ChangeSet::for_parts(std::size_t bytes, const std::function<void(const ChangeSet&)>& visit) const {
  if (runs_)
    runs_->merge(*this, bytes, visit);
  else
    visit(*this);
}

void ChangeSet::clear() {
  ChangeSet cleared(*table_);
  std::swap(*this, cleared);  // an assignment would free the rows without asking for them first, as ~RowTable() does
}

}  // namespace rebuild_projection

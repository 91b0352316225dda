#include "pipeline/sorted_runs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "pipeline/change_codec.h"
#include "pipeline/change_set.h"

namespace rebuild_projection {

namespace {

constexpr std::size_t write_bytes = std::size_t{256} << 10;
/// What a run is read with at the least, however many there are, and at the most, however few.
constexpr std::size_t read_bytes_min = std::size_t{4} << 10, read_bytes_max = std::size_t{256} << 10;

/// The rows of one run, one after the other, or those that are in memory.
class RunReader {
 public:
  RunReader(const SpillFile& file, std::uint64_t begin, std::uint64_t end, std::size_t buffer_bytes)
      : file_(&file), at_(begin), end_(end), buffer_bytes_(buffer_bytes) {}
  explicit RunReader(const ChangeSet& changes) : changes_(&changes), rows_(changes.sorted()) {}

  /// The next row becomes the current one; false at the end.
  bool next() {
    if (changes_ == nullptr) return next_record();
    if (row_ == rows_.size()) return false;
    current_ = {rows_[row_]->key(), changes_->spelling(*rows_[row_]), {}};
    ++row_;
    return true;
  }
  /// Valid until next().
  [[nodiscard]] const RowRecord& row() const { return current_; }
  [[nodiscard]] RowChange change(const TableLayout& table) const {
    return changes_ == nullptr ? read_change(table, current_.change) : rows_[row_ - 1]->change.clone();
  }

 private:
  bool next_record() {
    if (used_ == buffer_.size() && at_ == end_) return false;
    need(record_head_bytes);
    const std::size_t bytes = record_bytes(buffer_.data() + used_);
    need(record_head_bytes + bytes);
    current_ = read_record({buffer_.data() + used_ + record_head_bytes, bytes});
    used_ += record_head_bytes + bytes;
    return true;
  }

  /// So many bytes are in the buffer.
  void need(std::size_t bytes) {
    const std::size_t left = buffer_.size() - used_;
    if (left >= bytes) return;
    buffer_.erase(0, used_);
    used_ = 0;
    const auto more =
        static_cast<std::size_t>(std::min<std::uint64_t>(std::max(bytes, buffer_bytes_) - left, end_ - at_));
    buffer_.resize(left + more);
    file_->read(at_, buffer_.data() + left, more);
    at_ += more;
  }

  RowRecord current_;
  const SpillFile* file_ = nullptr;
  std::uint64_t at_ = 0, end_ = 0;  // what of the file is not in the buffer
  std::size_t buffer_bytes_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;
  const ChangeSet* changes_ = nullptr;
  std::vector<const ChangeSet::Row*> rows_;
  std::size_t row_ = 0;
};

}  // namespace

void SortedRuns::add(const ChangeSet& changes) {
  const std::uint64_t begin = file_.size();
  try {
    std::string bytes;
    for (const ChangeSet::Row* row : changes.sorted()) {
      append_record(bytes, row->key(), changes.spelling(*row), row->change);
      if (bytes.size() < write_bytes) continue;
      file_.append(bytes);
      bytes.clear();
    }
    file_.append(bytes);
    ends_.push_back(file_.size());
  } catch (...) {
    file_.shrink(begin);
    throw;
  }
}

void SortedRuns::merge(const ChangeSet& latest, std::size_t bytes,
                       const std::function<void(const ChangeSet&)>& visit) const {
  std::vector<RunReader> runs;  // the earliest first
  const std::size_t of_each = std::clamp(bytes / 2 / ends_.size(), read_bytes_min, read_bytes_max);
  for (std::size_t run = 0; run < ends_.size(); ++run)
    runs.emplace_back(file_, run == 0 ? 0 : ends_[run - 1], ends_[run], of_each);
  runs.emplace_back(latest);

  const auto comes_later = [&runs](std::size_t left, std::size_t right) {
    const int order = runs[left].row().key.compare(runs[right].row().key);
    return order > 0 || (order == 0 && left > right);
  };
  std::vector<std::size_t> heap;  // of the runs that have a row
  const auto push = [&](std::size_t run) {
    heap.push_back(run);
    std::push_heap(heap.begin(), heap.end(), comes_later);
  };
  for (std::size_t run = 0; run < runs.size(); ++run)
    if (runs[run].next()) push(run);

  ChangeSet part(latest.table());
  std::string key;  // of the row added last
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), comes_later);
    const std::size_t run = heap.back();
    heap.pop_back();
    const RowRecord& row = runs[run].row();
    if (part.bytes() > bytes / 2 && row.key != key) {
      visit(part);
      part.clear();
    }
    key = row.key;
    part.add(row.key, row.spelling, runs[run].change(latest.table()));
    if (runs[run].next()) push(run);
  }
  if (!part.empty()) visit(part);
}

}  // namespace rebuild_projection

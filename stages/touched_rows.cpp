#include "stages/touched_rows.h"

#include "pipeline/key.h"
#include "pipeline/memory_shares.h"

namespace rebuild_projection {

namespace {

/// What a set of strings holds for each, besides the bytes of a long one.
constexpr std::size_t bytes_per_key = sizeof(std::string) + 4 * sizeof(void*);

}  // namespace

void TouchedRows::add(const ChangeSet& changes, std::size_t bytes) {
  changes.for_parts(bytes, [this](const ChangeSet& part) {
    for (const ChangeSet::Row* row : part.sorted()) {
      const std::string_view key = row->key();
      if (keys_.contains(key)) continue;
      keys_.emplace(key);
      bytes_ += bytes_per_key + (key.size() < sizeof(std::string) / 2 ? 0 : key.size());
    }
  });
}

std::vector<std::string> TouchedRows::values(const TableLayout& table, std::size_t part) const {
  std::vector<std::string> values;
  values.reserve(keys_.size());
  for (const std::string& key : keys_) values.push_back(key_text(table, key, {}, part));
  return values;
}

Committed TouchedRowsSink::commit(const Batch& batch) {
  std::size_t bytes = 0, rows = 0;
  for (std::size_t index = 0; index < rows_.size(); ++index) {
    rows_[index].add(batch.projections[index].changes, MemoryShares(memory_bytes_).merge);
    bytes += rows_[index].bytes();
    rows += rows_[index].size();
  }
  if (bytes > memory_bytes_ / 8)
    throw RunError(
        "the events touch " + std::to_string(rows) +
        " rows or more, whose keys take an eighth of --max-memory; raise it, or rebuild everything, without --scope "
        "touched");
  return {std::vector<Committed::Projection>(rows_.size())};
}

}  // namespace rebuild_projection

#include "stages/touched_rows.h"

#include "pipeline/key.h"

namespace rebuild_projection {

namespace {

/// What a set of strings holds for each, besides the bytes of a long one.
constexpr std::size_t bytes_per_key = sizeof(std::string) + 4 * sizeof(void*);

}  // namespace

void TouchedRows::add(const ChangeSet& changes) {
  for (const ChangeSet::Row* row : changes.sorted()) {
    const std::string_view key = row->key();
    if (keys_.contains(key)) continue;
    keys_.emplace(key);
    bytes_ += bytes_per_key + (key.size() < sizeof(std::string) / 2 ? 0 : key.size());
  }
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
    rows_[index].add(batch.projections[index].changes);
    bytes += rows_[index].bytes();
    rows += rows_[index].size();
  }
  if (bytes > bytes_max_)
    throw RunError("the events touch more than " + std::to_string(rows) +
                   " rows, whose keys are a quarter of --max-memory; raise it, or rebuild everything, without --scope "
                   "touched");
  return {std::vector<Committed::Projection>(rows_.size())};
}

}  // namespace rebuild_projection

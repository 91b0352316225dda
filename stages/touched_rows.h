#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "pipeline/hash.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// Rows of one projection, by their canonical keys (pipeline/key.h). Any thread may read.
class TouchedRows {
 public:
  /// Those that the changes are about, also where they leave the row as it was. Changes that were spilled come back in
  /// parts, for which `bytes` are needed.
  void add(const ChangeSet& changes, std::size_t bytes);
  [[nodiscard]] bool contains(std::string_view key) const { return keys_.contains(key); }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  /// Memory held, about.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// What stands in one part of the keys, as texts, each as often as it does.
  [[nodiscard]] std::vector<std::string> values(const TableLayout& table, std::size_t part) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return hash_of(text); }
  };
  std::unordered_set<std::string, Hash, std::equal_to<>> keys_;
  std::size_t bytes_ = 0;
};

/// Notes which rows a run's batches are about, and writes nothing.
class TouchedRowsSink final : public BatchSink {
 public:
  /// Of so many projections. The keys may take an eighth of the run's memory.
  TouchedRowsSink(std::size_t projections, std::size_t memory_bytes)
      : rows_(projections), memory_bytes_(memory_bytes) {}

  /// Throws RunError where the rows are too many.
  Committed commit(const Batch& batch) override;
  /// In the order of the run's projections.
  [[nodiscard]] std::vector<TouchedRows> take() { return std::move(rows_); }

 private:
  std::vector<TouchedRows> rows_;
  std::size_t memory_bytes_;
};

}  // namespace rebuild_projection

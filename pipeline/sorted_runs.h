#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/spill_file.h"

namespace rebuild_projection {

class ChangeSet;

/// Changes that were too many for memory: sorted runs of rows in a temporary file, each later than the one before. An
/// external merge brings them together again.
class SortedRuns {
 public:
  explicit SortedRuns(const std::string& directory) : file_(directory) {}

  /// Writes the rows that `changes` has in memory as one more run. Where it throws std::system_error, nothing has
  /// changed.
  void add(const ChangeSet& changes);
  /// All rows of the runs and of `latest`, which is later, each once, in the order of their keys: as sets which live
  /// during `visit`. A set and what the runs are read with take some `bytes` together.
  void merge(const ChangeSet& latest, std::size_t bytes, const std::function<void(const ChangeSet&)>& visit) const;
  [[nodiscard]] std::uint64_t bytes() const { return file_.size(); }

 private:
  SpillFile file_;
  std::vector<std::uint64_t> ends_;  ///< of each run
};

}  // namespace rebuild_projection

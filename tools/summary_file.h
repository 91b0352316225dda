#pragma once

#include <filesystem>
#include <string_view>

namespace rebuild_projection {

/// The file of --summary. A reader of it never sees half a summary: a new file takes the old one's place in one step.
/// What is not an ordinary file (a pipe, /dev/stderr) is written to directly.
class SummaryFile {
 public:
  /// Makes sure that the file can be written. Throws UsageError if not.
  explicit SummaryFile(const std::filesystem::path& path);

  /// Throws RunError if it cannot be written after all; then an older file is still there.
  void write(std::string_view text) const;

 private:
  std::filesystem::path path_;       ///< symbolic links followed
  std::filesystem::path temporary_;  ///< beside it; empty where path_ is written directly
};

}  // namespace rebuild_projection

#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/comparison.h"

namespace rebuild_projection {

/// A line of --drift-file: one JSON object.
std::string drift_line(const std::string& projection, const std::string& table, const Comparison& comparison,
                       const Drift& drift);

/// Where --drift-file goes: a line for each row that is not as the events say. The lines go into a file beside it,
/// which takes its place in one step when they are complete; what is no file, such as a pipe, gets them as they come.
class DriftFile {
 public:
  /// Throws UsageError where it cannot be written.
  explicit DriftFile(const std::filesystem::path& path);
  DriftFile(const DriftFile&) = delete;
  DriftFile& operator=(const DriftFile&) = delete;
  /// Without finish(), an earlier file stays.
  ~DriftFile();

  /// The line ends with a newline. Throws RunError where it cannot be written.
  void write(std::string_view line);
  /// After the last line. Throws RunError where they are not all written.
  void finish();

 private:
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;  ///< empty where `path_` is no file
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace rebuild_projection

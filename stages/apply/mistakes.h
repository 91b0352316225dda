#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace rebuild_projection {

/// What is wrong with one projection file, collected so that its author sees all of it at once. Not thread-safe.
class Mistakes {
 public:
  explicit Mistakes(std::filesystem::path file) : file_(std::move(file)) {}

  /// `sentence` has no full stop; `line` counts from 1.
  void add(int line, std::string sentence) { found_.emplace_back(line, std::move(sentence)); }
  [[nodiscard]] bool empty() const { return found_.empty(); }

  /// Appends everything to `all` as "file:line: sentence", in the order of the lines, and leaves this empty.
  void move_into(std::vector<std::string>& all) {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& left, const auto& right) { return left.first < right.first; });
    for (const auto& [line, sentence] : found_)
      all.push_back(file_.string() + ":" + std::to_string(line) + ": " + sentence);
    found_.clear();
  }

 private:
  std::filesystem::path file_;
  std::vector<std::pair<int, std::string>> found_;
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// Rows by their canonical keys, or all that there are.
class RowKeys {
 public:
  void add(std::string_view key);
  void add(const RowKeys& others);
  void add_all();
  void remove(std::string_view key);
  [[nodiscard]] bool contains(std::string_view key) const { return all_ || keys_.contains(key); }
  [[nodiscard]] bool all() const { return all_; }
  [[nodiscard]] bool empty() const { return !all_ && keys_.empty(); }
  /// Of those that were added one by one.
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  std::set<std::string, std::less<>> keys_;
  bool all_ = false;
};

}  // namespace rebuild_projection

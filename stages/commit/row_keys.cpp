#include "stages/commit/row_keys.h"

namespace rebuild_projection {

namespace {

/// Keys to remember: some 20 MB. Beyond these, the events of all rows are folded once more.
constexpr std::size_t keys_max = 200'000;

}  // namespace

void RowKeys::add(std::string_view key) {
  if (all_) return;
  keys_.emplace(key);
  if (keys_.size() > keys_max) add_all();
}

void RowKeys::add(const RowKeys& others) {
  if (others.all_) return add_all();
  for (const std::string& key : others.keys_) add(key);
}

void RowKeys::add_all() {
  keys_.clear();
  all_ = true;
}

void RowKeys::remove(std::string_view key) {
  if (const auto at = keys_.find(key); at != keys_.end()) keys_.erase(at);
}

}  // namespace rebuild_projection

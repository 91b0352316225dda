#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// Texts that stay where they are written as long as the arena lives, wherever it is moved. At least 64 bytes behind
/// each can be read: simdjson asks for so many (SIMDJSON_PADDING is 64 at most in the versions in use).
class TextArena {
 public:
  TextArena() = default;
  /// `bytes` is how much will be written, most likely.
  explicit TextArena(std::size_t bytes) : likely_bytes_(bytes) {}

  /// Room for a text of up to so many bytes. What is written there counts from keep() on.
  char* room(std::size_t bytes) {
    if (bytes > capacity_ - used_ || blocks_.empty()) add_block(bytes);
    return blocks_.back().get() + used_;
  }
  /// Keeps the first `bytes` of the last room().
  std::string_view keep(std::size_t bytes) {
    const std::string_view text(blocks_.back().get() + used_, bytes);
    used_ += bytes;
    return text;
  }
  std::string_view copy(std::string_view text) {
    char* const to = room(text.size());
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return keep(text.size());
  }

  /// Written so far, with what is lost between blocks.
  [[nodiscard]] std::size_t bytes() const { return full_bytes_ + used_; }

 private:
  static constexpr std::size_t padding_bytes = 64;
  static constexpr std::size_t block_bytes_min = 4'096;

  void add_block(std::size_t bytes);

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t likely_bytes_ = 0;
  std::size_t capacity_ = 0, used_ = 0;  // of the last block, without the padding
  std::size_t full_bytes_ = 0;           // of the others
};

}  // namespace rebuild_projection

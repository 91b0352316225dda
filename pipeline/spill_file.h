#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// A temporary file without a name: nobody else sees it, and it is gone with the last reference or the process, however
/// that ends. Written at its end by one thread at a time; what is written can be read by several.
class SpillFile {
 public:
  /// Throws std::system_error, as append() and read() do, with the directory in its text.
  explicit SpillFile(std::string directory);
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  void append(std::string_view bytes);
  /// Reads exactly `bytes` bytes from `offset` on, which were appended before.
  void read(std::uint64_t offset, char* to, std::size_t bytes) const;
  /// Forgets what was written from `size` on, and gives its room back.
  void shrink(std::uint64_t size);
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string directory_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace rebuild_projection

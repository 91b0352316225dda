#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "pipeline/row_change.h"

namespace rebuild_projection {

/// A row that changes.
class ChangedRow {
 public:
  /// Canonical: see pipeline/key.h. Valid as long as the row.
  [[nodiscard]] std::string_view key() const { return {is_inline() ? key_.data() : far_key(), key_size_}; }

  [[no_unique_address]] RowChange change;  ///< whose padding the size of the key uses

 private:
  friend class RowTable;
  [[nodiscard]] bool is_inline() const { return key_size_ <= sizeof(key_); }
  [[nodiscard]] const char* far_key() const {
    const char* text = nullptr;
    std::memcpy(&text, key_.data(), sizeof(text));
    return text;
  }

  std::uint32_t key_size_ = 0;
  std::array<char, 16> key_{};  // a uuid, or a shorter one and zeros, or where a longer one is
};

/// Rows by key: an open table of numbers of rows with their hashes beside them, and rows that stay where they are.
class RowTable {
 public:
  RowTable() = default;
  RowTable(RowTable&&) noexcept = default;
  RowTable& operator=(RowTable&&) noexcept = default;
  ~RowTable();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] ChangedRow& operator[](std::size_t number) { return chunks_[number / chunk_rows][number % chunk_rows]; }
  [[nodiscard]] const ChangedRow& operator[](std::size_t number) const {
    return chunks_[number / chunk_rows][number % chunk_rows];
  }

  /// The row of this key, made where there is none. `hash` is the lower half of hash_of(key).
  ChangedRow& find_or_insert(std::uint32_t hash, std::string_view key);

  // What find_or_insert() will touch can be asked for ahead of time, one miss after the other.
  void prefetch_slot(std::uint32_t hash) const;
  /// The row that its slot names, most likely the right one; nullptr where there is none.
  [[nodiscard]] const ChangedRow* probable(std::uint32_t hash) const;

  /// Memory held besides the object itself and the rows' changes, in bytes.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t row = 0;  // its number and one; 0: empty
  };
  static constexpr std::size_t chunk_rows = 256;
  static constexpr std::size_t key_chunk_bytes = 16'384;

  void grow();
  void store_key(ChangedRow& row, std::string_view key);

  std::vector<Slot> slots_;  // a power of two
  std::vector<std::unique_ptr<ChangedRow[]>> chunks_;
  std::vector<std::unique_ptr<char[]>> keys_;  // those too long for their row
  char* free_key_ = nullptr;
  std::size_t free_key_bytes_ = 0;
  std::size_t key_bytes_ = 0;
  std::size_t size_ = 0;
};

}  // namespace rebuild_projection

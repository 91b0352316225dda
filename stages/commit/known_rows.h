#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// Which rows of a table are there, as far as a run knows from what it wrote itself: from an empty table on, all of
/// them. It remembers a number of 64 bits per row, so that a row may seem to be there that is not; and others may write
/// to the table. So this says how a row is best written, and the server's answer says whether that was right.
class KnownRows {
 public:
  enum class Presence : std::uint8_t { unknown, absent, present };

  /// Remembers as many rows as `bytes_max` holds, 16 to 32 bytes a row.
  explicit KnownRows(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// A row by its canonical key, before anything of the transaction in work.
  [[nodiscard]] Presence of(std::string_view key) const;

  // What the transaction in work does. It counts from commit() on.
  void found_empty() { found_empty_ = true; }
  void wrote(std::string_view key, bool present);
  /// What was written so far, for roll_back_to().
  [[nodiscard]] std::size_t mark() const { return pending_.size(); }
  /// Takes back what was written since.
  void roll_back_to(std::size_t mark) { pending_.resize(std::min(mark, pending_.size())); }
  void roll_back();
  void commit();

  /// Nothing is known any more.
  void forget();

 private:
  using Hash = std::uint64_t;
  static Hash hash_of(std::string_view key);
  [[nodiscard]] std::size_t slot_of(Hash hash) const;
  void insert(Hash hash);
  void erase(Hash hash);
  bool grow();

  std::size_t bytes_max_;
  std::vector<Hash> slots_;  // a power of two, at most three quarters of them in use; 0: free
  std::size_t size_ = 0;
  bool complete_ = false;  // what is not in slots_ is not in the table
  bool found_empty_ = false;
  std::vector<Hash> pending_;  // of the transaction; the lowest bit says whether the row is there after it
  bool too_many_ = false;      // were written in the transaction to remember them
};

}  // namespace rebuild_projection

#include "pipeline/row_table.h"

#include <limits>
#include <stdexcept>
#include <utility>

namespace rebuild_projection {

// One cache line holds most of it, and a million rows cost 40 MB.
static_assert(sizeof(void*) != 8 || sizeof(ChangedRow) == 40);

/// What the rows hold lies anywhere in memory: it is asked for before it is freed, for a chunk of rows at once.
RowTable::~RowTable() {
  for (std::unique_ptr<ChangedRow[]>& chunk : chunks_) {
    for (std::size_t row = 0; row < chunk_rows; ++row) __builtin_prefetch(chunk[row].change.present.address());
    chunk.reset();
  }
}

ChangedRow& RowTable::find_or_insert(std::uint32_t hash, std::string_view key) {
  if (size_ >= slots_.size() / 4 * 3) grow();
  const std::size_t mask = slots_.size() - 1;
  std::array<char, sizeof(ChangedRow::key_)> padded{};
  const bool is_short = key.size() <= padded.size();
  if (is_short) std::memcpy(padded.data(), key.data(), key.size());
  std::size_t at = hash & mask;
  for (; slots_[at].row != 0; at = (at + 1) & mask) {
    if (slots_[at].hash != hash) continue;
    ChangedRow& row = (*this)[slots_[at].row - 1];
    if (row.key_size_ == key.size() && (is_short ? row.key_ == padded : row.key() == key)) return row;
  }
  if (size_ == std::numeric_limits<std::uint32_t>::max()) throw std::length_error("more rows than a batch can hold");
  if (size_ % chunk_rows == 0) chunks_.push_back(std::make_unique<ChangedRow[]>(chunk_rows));
  ChangedRow& row = (*this)[size_];
  store_key(row, key);
  slots_[at] = {hash, static_cast<std::uint32_t>(++size_)};
  return row;
}

void RowTable::store_key(ChangedRow& row, std::string_view key) {
  if (key.size() > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("a key of more than 4 GiB");
  row.key_size_ = static_cast<std::uint32_t>(key.size());
  if (row.is_inline()) {
    std::memcpy(row.key_.data(), key.data(), key.size());
    return;
  }
  if (key.size() > free_key_bytes_) {
    const std::size_t bytes = key.size() > key_chunk_bytes / 4 ? key.size() : key_chunk_bytes;
    keys_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    free_key_ = keys_.back().get();
    free_key_bytes_ = bytes;
    key_bytes_ += allocated_bytes(bytes);
  }
  std::memcpy(free_key_, key.data(), key.size());
  std::memcpy(row.key_.data(), &free_key_, sizeof(free_key_));
  free_key_ += key.size();
  free_key_bytes_ -= key.size();
}

void RowTable::grow() {
  constexpr std::size_t first_slots = 64;
  std::vector<Slot> grown(slots_.empty() ? first_slots : slots_.size() * 2);
  const std::size_t mask = grown.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.row == 0) continue;
    std::size_t at = slot.hash & mask;
    while (grown[at].row != 0) at = (at + 1) & mask;
    grown[at] = slot;
  }
  slots_ = std::move(grown);
}

void RowTable::prefetch_slot(std::uint32_t hash) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
}

const ChangedRow* RowTable::probable(std::uint32_t hash) const {
  if (slots_.empty()) return nullptr;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].row != 0; at = (at + 1) & mask)
    if (slots_[at].hash == hash) return &(*this)[slots_[at].row - 1];
  return nullptr;
}

std::size_t RowTable::bytes() const {
  if (size_ == 0) return 0;
  return allocated_bytes(slots_.capacity() * sizeof(Slot)) +
         chunks_.size() * allocated_bytes(sizeof(std::size_t) + chunk_rows * sizeof(ChangedRow)) +
         allocated_bytes(chunks_.capacity() * sizeof(chunks_.front())) + key_bytes_;
}

}  // namespace rebuild_projection

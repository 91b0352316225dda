#include "stages/commit/known_rows.h"

#include "pipeline/hash.h"

namespace rebuild_projection {

KnownRows::Hash KnownRows::hash_of(std::string_view key) {
  // Without its lowest bit, which pending_ uses, and never 0, which says that a slot is free.
  const Hash hash = rebuild_projection::hash_of(key) & ~Hash{1};
  return hash == 0 ? 2 : hash;
}

std::size_t KnownRows::slot_of(Hash hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = (hash >> 1U) & mask;
  while (slots_[slot] != 0 && slots_[slot] != hash) slot = (slot + 1) & mask;
  return slot;
}

KnownRows::Presence KnownRows::of(std::string_view key) const {
  if (found_empty_) return Presence::absent;
  const Hash hash = hash_of(key);
  if (!slots_.empty() && slots_[slot_of(hash)] == hash) return Presence::present;
  return complete_ ? Presence::absent : Presence::unknown;
}

void KnownRows::wrote(std::string_view key, bool present) {
  too_many_ = too_many_ || (pending_.size() + 1) * 2 * sizeof(Hash) > bytes_max_;
  if (too_many_)
    std::vector<Hash>().swap(pending_);
  else
    pending_.push_back(hash_of(key) | (present ? 1U : 0U));
}

void KnownRows::roll_back() {
  found_empty_ = false;
  pending_.clear();
  too_many_ = false;
}

void KnownRows::commit() {
  if (found_empty_) {
    forget();
    complete_ = true;
  }
  if (too_many_) forget();
  for (const Hash hash : pending_) (hash & 1U) != 0 ? insert(hash & ~Hash{1}) : erase(hash);
  roll_back();
}

void KnownRows::forget() {
  std::vector<Hash>().swap(slots_);
  size_ = 0;
  complete_ = false;
}

void KnownRows::insert(Hash hash) {
  if (4 * (size_ + 1) > 3 * slots_.size() && !grow()) {
    complete_ = false;
    return;
  }
  Hash& slot = slots_[slot_of(hash)];
  if (slot == hash) return;
  slot = hash;
  ++size_;
}

void KnownRows::erase(Hash hash) {
  if (slots_.empty()) return;
  const std::size_t mask = slots_.size() - 1;
  std::size_t gap = slot_of(hash);
  if (slots_[gap] != hash) return;
  // Those behind it move up, as far as that brings none of them before its own place.
  for (std::size_t next = (gap + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const std::size_t home = (slots_[next] >> 1U) & mask;
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    slots_[gap] = slots_[next];
    gap = next;
  }
  slots_[gap] = 0;
  --size_;
}

bool KnownRows::grow() {
  constexpr std::size_t least = 1024;
  const std::size_t size = slots_.empty() ? least : 2 * slots_.size();
  if ((size + slots_.size()) * sizeof(Hash) > bytes_max_) return false;  // both are there while it grows
  std::vector<Hash> old(size);
  old.swap(slots_);
  for (const Hash hash : old)
    if (hash != 0) slots_[slot_of(hash)] = hash;
  return true;
}

}  // namespace rebuild_projection

#include "pipeline/page_types.h"

#include <algorithm>

#include "pipeline/hash.h"

namespace rebuild_projection {

namespace {

constexpr std::uint32_t empty = PageTypes::unknown;

}  // namespace

std::uint32_t PageTypes::find(std::string_view type) const {
  if (slots_.empty()) return unknown;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash_of(type) & mask; slots_[at] != empty; at = (at + 1) & mask)
    if (names_[slots_[at]] == type) return slots_[at];
  return unknown;
}

std::uint32_t PageTypes::add(std::string_view type) {
  names_.push_back(type);
  constexpr std::size_t slots_min = 64;
  if (slots_.size() < 2 * names_.size()) {
    slots_.assign(std::max(slots_min, 2 * slots_.size()), empty);
    for (std::uint32_t number = 0; number < names_.size(); ++number) put(number);
  } else {
    put(static_cast<std::uint32_t>(names_.size() - 1));
  }
  return static_cast<std::uint32_t>(names_.size() - 1);
}

void PageTypes::put(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash_of(names_[number]) & mask;
  while (slots_[at] != empty) at = (at + 1) & mask;
  slots_[at] = number;
}

}  // namespace rebuild_projection

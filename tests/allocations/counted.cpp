#include "tests/allocations/counted.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace rebuild_projection::test {

std::size_t allocations = 0;
std::size_t held_bytes = 0;

}  // namespace rebuild_projection::test

namespace {

using rebuild_projection::test::allocations, rebuild_projection::test::held_bytes;

std::size_t cost(void* block) {
  return malloc_usable_size(block) + sizeof(std::size_t);  // the allocator keeps the size in front
}

}  // namespace

void* operator new(std::size_t bytes) {
  void* const block = std::malloc(bytes);
  if (block == nullptr) throw std::bad_alloc();
  ++allocations;
  held_bytes += cost(block);
  return block;
}
void* operator new[](std::size_t bytes) {
  return operator new(bytes);
}
// A sanitizer's own would not go with our delete.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t bytes, const std::nothrow_t& nothrow) noexcept {
  return operator new(bytes, nothrow);
}
void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  held_bytes -= cost(block);
  std::free(block);
}
void operator delete[](void* block) noexcept {
  operator delete(block);
}
void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  operator delete(block);
}

#pragma once

#include <cstddef>

/// Every operator new of this test program, counted. It has one thread.
namespace rebuild_projection::test {

/// How often it was called.
extern std::size_t allocations;
/// What the blocks take that are not deleted yet, with what the allocator adds.
extern std::size_t held_bytes;

}  // namespace rebuild_projection::test

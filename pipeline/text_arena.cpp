#include "pipeline/text_arena.h"

namespace rebuild_projection {

void TextArena::add_block(std::size_t bytes) {
  const std::size_t size =
      std::max(bytes, blocks_.empty() ? likely_bytes_ : std::max(likely_bytes_ / 4, block_bytes_min));
  blocks_.push_back(std::make_unique_for_overwrite<char[]>(size + padding_bytes));
  full_bytes_ += used_;
  capacity_ = size;
  used_ = 0;
}

}  // namespace rebuild_projection

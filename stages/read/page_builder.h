#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/page.h"
#include "stages/read/event_store.h"
#include "stages/read/payload_selection.h"
#include "stages/read/wire_type.h"

namespace rebuild_projection {

class CopyRow;

/// Makes a page of the rows that EventStore::events() selects, in binary form. One page; one thread. `store` and
/// `selection` outlive this.
class PageBuilder {
 public:
  /// `bytes` is how large the page is likely to be.
  PageBuilder(const EventStore& store, const PayloadSelection& selection, std::size_t bytes);

  void add(std::string_view row);
  [[nodiscard]] std::size_t events() const { return payloads_.size(); }
  /// Texts, so far.
  [[nodiscard]] std::size_t bytes() const { return used_; }
  /// Of the last event; there is one.
  [[nodiscard]] Position last_position() const;
  [[nodiscard]] Page take();

 private:
  /// A text, by its place in the buffer, which moves while it grows.
  struct Cell {
    std::uint32_t begin = 0;
    std::uint32_t size = null;
    static constexpr std::uint32_t null = UINT32_MAX;
  };

  /// Room for so many more bytes.
  char* room(std::size_t bytes);
  Cell text(WireType type, std::string_view value);
  Cell payload(std::string_view type, std::optional<std::string_view> whole, CopyRow& members);
  void append(std::string_view text);
  [[nodiscard]] std::string_view view(const Cell& cell) const { return {buffer_.get() + cell.begin, cell.size}; }

  const EventStore& store_;
  const PayloadSelection& selection_;
  WireText texts_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::vector<Cell> cells_;     ///< of every event its columns
  std::vector<Cell> payloads_;  ///< of every event
};

}  // namespace rebuild_projection

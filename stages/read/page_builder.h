#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/page.h"
#include "stages/read/event_store.h"
#include "stages/read/payload_selection.h"

namespace rebuild_projection {

class CopyRow;

/// Makes a page of the rows that EventStore::events() selects, in binary form. One page; one thread. `store` and
/// `selection` outlive this.
class PageBuilder {
 public:
  /// `events` and `bytes` are how large the page is likely to be.
  PageBuilder(const EventStore& store, const PayloadSelection& selection, std::size_t events, std::size_t bytes);

  void add(std::string_view row);
  [[nodiscard]] std::size_t events() const { return page_.events.size(); }
  /// That it takes so far.
  [[nodiscard]] std::size_t bytes() const { return page_.texts.bytes() + page_.events.size() * bytes_besides_; }
  /// Of the last event; there is one.
  [[nodiscard]] Position last_position() const { return page_.events.back().owned_position(); }
  [[nodiscard]] Page take() { return std::move(page_); }

 private:
  /// What depends on an event's type alone.
  struct OfType {
    const std::vector<std::string>* prefixes = nullptr;  ///< PayloadSelection::members()
    std::size_t bytes_max = 0;                           ///< of a document that is put together, without the members
  };

  StoredValue event_id();
  std::uint32_t type_number(std::string_view type);
  std::string_view payload(const OfType& of_type, CopyRow& fields, std::size_t bytes_max);
  void add_position();

  const EventStore& store_;
  const PayloadSelection& selection_;
  const std::size_t bytes_besides_;  ///< its texts, that an event takes
  Page page_;
  std::vector<OfType> of_types_;      ///< by number
  std::vector<StoredValue> columns_;  ///< of the event in work
};

}  // namespace rebuild_projection

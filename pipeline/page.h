#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/change_set.h"
#include "pipeline/event.h"
#include "pipeline/page_types.h"
#include "pipeline/text_arena.h"

/// What travels through the pipeline: pages of events, and what the stages add to them.
namespace rebuild_projection {

/// A failure on its way to the commit stage, which finishes every earlier page and then ends the run with it.
struct Failure {
  std::exception_ptr cause;
  std::string projection;            ///< empty where no projector was involved
  std::optional<std::size_t> event;  ///< index in the page
};

/// Consecutive events, as the reader filled them.
struct Page {
  /// An event of which the store could not give all: its payload is empty, or another value of it is NULL.
  struct Unread {
    std::size_t event = 0;  ///< index in the page
    std::string why;        ///< a clause
    bool type_unknown = false;
  };

  std::size_t stretch = 0;  ///< of the range, which events of every page share: see run_pipeline()
  std::vector<StoredEvent> events;
  PageTypes types;                     ///< of the events
  TextArena texts;                     ///< of the events
  std::vector<StoredValue> positions;  ///< what StoredEvent::position points into
  std::vector<Unread> unread;          ///< ascending, and seldom any
  /// The events were larger than expected, and the page was closed before its end: reads on. Called once, by any
  /// thread, when this page has left the pipeline. Empty where the page is whole.
  std::function<Page()> rest;

  [[nodiscard]] bool is_of_unknown_type(std::size_t event) const {
    return std::ranges::any_of(unread, [&](const Unread& one) { return one.event == event && one.type_unknown; });
  }
};

/// What the parse stage found in a page. Views point into the page and into `texts`.
struct ParsedPage {
  std::vector<Json> values;                    ///< values_per_event for each event that was parsed
  std::vector<std::vector<Element>> elements;  ///< elements_per_event for each event that was parsed
  std::vector<std::optional<std::string>>
      errors;  ///< one per event: why it, or its payload, cannot be read; empty if none failed
  static constexpr std::uint32_t not_parsed = UINT32_MAX;
  std::vector<std::uint32_t> row;          ///< event -> its row in `values` and `elements`, or not_parsed
  std::vector<std::uint32_t> not_objects;  ///< events that were parsed, and whose payload is no JSON object; ascending
  std::shared_ptr<void> texts;             ///< owns what had to be unescaped
};

/// Memory that both take, in bytes, about.
inline std::size_t bytes_of(const Page& page, const ParsedPage& parsed) {
  return page.texts.bytes() + page.events.capacity() * sizeof(StoredEvent) +
         page.positions.capacity() * sizeof(StoredValue) + parsed.values.capacity() * sizeof(Json) +
         parsed.elements.capacity() * sizeof(std::vector<Element>);
}

/// What one projector made of some events of a page.
struct Folded {
  std::uint64_t applied = 0;
  std::uint64_t ignored = 0;
  std::uint64_t already_there = 0;  ///< events that its rows hold from an earlier run
  std::vector<DeadLetter> skipped;
  std::optional<Failure> failure;
  std::optional<ChangeSet> changes;  ///< of the whole batch, where these events are its last
};

}  // namespace rebuild_projection

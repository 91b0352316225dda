#pragma once

#include <memory>
#include <memory_resource>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pipeline/event.h"
#include "stages/parse/path_tree.h"

namespace rebuild_projection {

/// Writes one event's row of a ParsedPage: values, and the matches of patterns with their own values.
/// Not thread-safe; made once per page. Keeps references to the tree and to `texts`, which lives as long as the page.
class RowWriter {
 public:
  RowWriter(const PathTree& tree, std::pmr::memory_resource& texts);

  /// The row to write: `values` and `elements` are in their first state.
  void begin(Json* values, std::vector<Element>* elements);
  /// Back to the first state.
  void clear();

  /// The way to the next value goes through a member, or an element, of the value at `node`. A key must live as long as
  /// the page.
  void step(const PathTree::Node& node, std::string_view key) {
    if (keeps_steps_) steps_[node.depth].text = key;
  }
  void step(const PathTree::Node& node, std::uint64_t index) {
    if (keeps_steps_) steps_[node.depth] = {{}, index};
  }
  /// The walk has come to a value at `node`: patterns that match here have a new match.
  void begin_matches(const PathTree::Node& node) {
    for (const std::uint32_t pattern : node.matches) begin_match(pattern);
  }
  /// Puts what is at `node` wherever it is wanted.
  void put(const PathTree::Node& node, Json::Kind kind, std::string_view text);
  /// Memory for a text that has to be written.
  char* text_of(std::size_t bytes) { return make<char>(bytes); }

 private:
  /// An array's index gets its text when a match asks for it.
  struct Step {
    std::string_view text;  ///< null data: not yet
    std::uint64_t index = 0;
  };

  void begin_match(std::uint32_t number);
  std::string_view text_of(Step& step);

  template <typename T>
  T* make(std::size_t count) {
    auto* made = static_cast<T*>(texts_.allocate(count * sizeof(T), alignof(T)));
    if constexpr (!std::is_same_v<T, char>) std::uninitialized_value_construct_n(made, count);
    return made;
  }

  const PathTree& tree_;
  std::pmr::memory_resource& texts_;
  const bool keeps_steps_;             ///< there are patterns
  std::vector<Step> steps_;            ///< by depth of the value they lead on from
  std::vector<Json*> element_values_;  ///< by pattern: the values of the current match
  Json* values_ = nullptr;
  std::vector<Element>* elements_ = nullptr;
};

}  // namespace rebuild_projection

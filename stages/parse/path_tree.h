#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/projector.h"

namespace rebuild_projection {

/// Tokens of one path of an Extraction at the most. The walk over a payload recurses once for each.
inline constexpr std::size_t path_tokens_max = 256;

/// The paths of all projectors, compiled so that a value in a payload is at exactly one node. Where a key and a
/// wildcard lead on from the same place, the key's node stands for both. Immutable.
struct PathTree {
  static constexpr std::uint32_t none = UINT32_MAX;
  static constexpr std::uint64_t no_index = UINT64_MAX;

  struct Child {
    std::string key;                 ///< the token without ~0 and ~1
    std::uint64_t index = no_index;  ///< what the token means to an array
    // The key with its closing quote, as far as it fits into eight bytes: most other keys are told apart by these. Of a
    // key that cannot stand in JSON without an escape it is a head that no text has.
    std::uint64_t head = 1, head_mask = 0;
    std::uint32_t node = none;
  };
  /// A value inside the current match of a pattern.
  struct ElementValue {
    std::uint32_t pattern;
    std::uint32_t value;  ///< index in Element::values
  };
  struct Node {
    std::size_t depth = 0;  ///< tokens from the root to here
    std::vector<Child> children;
    std::uint32_t any = none;            ///< where a member or element leads that no child names
    std::uint64_t indexes_end = 0;       ///< elements of an array from here on lead nowhere
    std::vector<std::uint32_t> values;   ///< places in a row of ParsedPage::values that get what is here
    std::vector<std::uint32_t> matches;  ///< patterns that match here
    std::vector<ElementValue> element_values;

    [[nodiscard]] bool leads_on() const { return !children.empty() || any != none; }
    [[nodiscard]] bool is_wanted() const { return !values.empty() || !element_values.empty(); }
  };
  /// An Extraction::Elements, by its place in a row of ParsedPage::elements.
  struct Pattern {
    std::size_t values = 0;              ///< paths relative to the element
    std::vector<std::size_t> wildcards;  ///< which tokens of the pattern are `*`
  };

  std::vector<Node> nodes;  ///< the first is the root
  std::vector<Pattern> patterns;
  std::size_t values = 0;                  ///< places in a row of ParsedPage::values
  std::vector<std::size_t> value_offsets;  ///< by projector
  std::vector<std::size_t> element_offsets;
};

/// Throws UsageError for a path that is not a JSON Pointer (RFC 6901) or has more than path_tokens_max tokens.
PathTree compile_paths(const std::vector<const Projector*>& projectors);

}  // namespace rebuild_projection

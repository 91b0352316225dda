#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/apply/mistakes.h"

namespace rebuild_projection {

/// A value of a TOML document as a plain tree, each with its line: what the readers of projection files work on, so
/// that the TOML library stays in one source file.
struct TomlNode {
  enum class Kind : std::uint8_t { text, integer, real, boolean, date, array, table };
  Kind kind = Kind::table;
  int line = 1;
  std::string key;   ///< where it is a member of a table
  int key_line = 1;  ///< where `key` stands
  std::string text;
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::vector<TomlNode> items;  ///< of an array in order; of a table in the order of their keys

  /// The member of a table; nullptr where there is none.
  [[nodiscard]] const TomlNode* find(std::string_view member) const;
};

/// "a text", "a list": what a node is, for messages.
std::string_view name_of(TomlNode::Kind kind);

/// The document's root table; nullopt, and a mistake, where it is not TOML.
std::optional<TomlNode> parse_toml(std::string_view text, Mistakes& mistakes);

}  // namespace rebuild_projection

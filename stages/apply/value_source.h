#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stages/apply/rules.h"
#include "stages/apply/toml_document.h"

/// Reads the values of a projection file: paths, attributes, numbers, { literal = … }, { path = …, default = … }.
/// Each returns nullopt after it added the mistake; `what` names the place, as in "set.stage".
namespace rebuild_projection {

/// What the rule around a value allows in it.
struct ValueScope {
  bool inside_for_each = false;
  std::size_t wildcards = 0;  ///< number of * in the for_each
};

std::optional<ValueSource> read_value(const TomlNode& node, const std::string& what, const ValueScope& scope,
                                      Mistakes& mistakes);

/// A path or an attribute, no constant.
std::optional<ValueSource> read_reference(std::string_view text, int line, const std::string& what,
                                          const ValueScope& scope, Mistakes& mistakes);

/// A text, number or boolean that stands for itself.
std::optional<Constant> read_constant(const TomlNode& node, const std::string& what, Mistakes& mistakes);

/// The pattern of a for_each; `wildcards` becomes the number of its *.
std::optional<std::string> read_pattern(const TomlNode& node, std::size_t& wildcards, Mistakes& mistakes);

}  // namespace rebuild_projection

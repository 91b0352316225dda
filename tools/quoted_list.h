#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// One part of a list on the command line: `value` or `name=value`.
struct ListedValue {
  std::optional<std::string> name;
  std::string value;
};

/// Reads `value, name=value, …`. What stands in double quotes is taken as it is, commas, equals signs and blanks too;
/// "" is a quote in it. Blanks around names and values do not count, an empty value needs its quotes. nullopt where the
/// text is no such list.
std::optional<std::vector<ListedValue>> read_quoted_list(std::string_view text);

}  // namespace rebuild_projection

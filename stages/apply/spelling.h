#pragma once

#include <string>
#include <string_view>
#include <vector>

/// How names are shown to the author of a projection file.
namespace rebuild_projection {

/// In double quotes, with quotes, backslashes and control characters escaped: different texts never look the same.
std::string in_quotes(std::string_view text);

/// "a", "b" and "c".
std::string list_of(const std::vector<std::string>& names);

/// What to try instead of `name`: `did you mean "b"?` where a candidate is only a slip away, else
/// `there are "a", "b" and "c"`.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace rebuild_projection

#pragma once

#include <string>
#include <string_view>

/// How names that come from a database are spelled in a projection file, whatever they hold.
namespace rebuild_projection {

/// A text in quotes, on one line; what a terminal would act on is escaped.
std::string toml_text(std::string_view text);

/// The same as a key: without quotes where TOML needs none.
std::string toml_key(std::string_view name);

/// The text of toml_text without its quotes, for comments.
std::string toml_escaped(std::string_view text);

/// The JSON Pointer to a member of the payload (RFC 6901).
std::string pointer_to(std::string_view member);

/// Lines, each ending with a line break, as comments.
std::string commented_out(std::string_view lines);

}  // namespace rebuild_projection

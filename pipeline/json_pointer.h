#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// JSON Pointers: RFC 6901.
namespace rebuild_projection {

/// Its tokens, without escapes; nullopt where the text is no pointer: it must be empty or begin with a slash, and a ~
/// stands only in ~0 and ~1.
std::optional<std::vector<std::string>> pointer_tokens(std::string_view pointer);

/// What a token means to an array: digits without a leading zero; nullopt: nothing.
std::optional<std::uint64_t> array_index(std::string_view token);

}  // namespace rebuild_projection

#pragma once

#include <string>
#include <string_view>

/// What the five characters say that PostgreSQL gives with an error:
/// https://www.postgresql.org/docs/current/errcodes-appendix.html
namespace rebuild_projection {

/// Its condition, in words: "division by zero".
std::string condition_of(std::string_view sqlstate);

/// Whether the message that comes with it may quote values of rows and payloads: it is about data, or whoever raised it
/// wrote it.
bool may_quote_values(std::string_view sqlstate);

}  // namespace rebuild_projection

#pragma once

#include <string>
#include <string_view>

#include "pipeline/error.h"
#include "pipeline/event.h"
#include "pipeline/table.h"

/// What is said about a value that its column cannot take. The value itself is never in the text.
namespace rebuild_projection {

/// The column's name in double quotes.
std::string quoted(const Column& column);

/// `column "amount" needs a number, the payload has a string`.
EventError wrong_value(const Column& column, std::string_view needed, const Json& value);

/// For Json::Kind::invalid.
EventError unreadable_value(const Column& column, const Json& value);

}  // namespace rebuild_projection

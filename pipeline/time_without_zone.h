#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pipeline/table.h"

/// Times on their way into columns whose type has no time zone. PostgreSQL's input drops the offset of such a text in
/// silence and keeps the local digits; here it is a moment, and moments go there in UTC.
namespace rebuild_projection {

/// What a text becomes in `column`, which is a Column::without_zone; nullopt: it goes as it stands, since it names no
/// zone, or UTC in a form that is not read here. Of an array or a range this is so of each time in it. Throws
/// EventError for a time that names another zone and is not in ISO 8601.
std::optional<std::string> without_zone(const Column& column, std::string_view text);

}  // namespace rebuild_projection

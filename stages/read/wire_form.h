#pragma once

#include <string>
#include <string_view>

#include "pipeline/stored_value.h"

/// How a column of the store travels: as its type's binary form where that is cheap to read, otherwise as a text that
/// the server makes.
namespace rebuild_projection {

/// Of a type by the name that format_type gives.
StoredValue::Form wire_form(std::string_view sql_type);
/// SQL that selects the column so; `column` is SQL.
std::string wire_column(std::string_view sql_type, const std::string& column);
/// SQL of its text. Of char(n) without the blanks that fill it up: they mean nothing, and are gone in every other type.
std::string text_column(std::string_view sql_type, const std::string& column);

}  // namespace rebuild_projection

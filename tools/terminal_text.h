#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Text for terminals and logs: nothing that came from a payload, a name or an argument may steer the terminal.
namespace rebuild_projection {

/// `text` with control characters (C0, DEL, C1, and those that change the writing direction) as "\n", "\t", "\x1b" or
/// "\u202e", and bytes that are not UTF-8 as "\xff". A backslash stays one.
std::string printable(std::string_view text);

/// `text` printable, in double quotes, cut after 60 characters: an argument quoted back in a message. What may hold a
/// password (a URI, "password=") is left out.
std::string shown(std::string_view text);

/// `text` as a JSON string with its quotes; always valid UTF-8.
std::string json_quoted(std::string_view text);

/// A JSON text with the control characters of its strings escaped, those that JSON would let stand too. Line feeds,
/// which valid JSON has between values only, stay.
std::string json_printable(std::string_view json);

/// Code points of a UTF-8 text: near enough to its columns on a terminal.
std::size_t columns_of(std::string_view text);

/// `text` filled with spaces up to `width` columns; never cut.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

/// Rows of cells, the first one the headings, in columns as wide as their widest cell. The first `left` columns are
/// aligned left, the others right. Cells are made printable.
std::string in_columns(std::vector<std::vector<std::string>> rows, std::size_t left);

/// 1234567 -> "1,234,567"
std::string with_commas(std::uint64_t number);
/// The same for a rate: rounded to a whole number from 10 on, one digit after the point below.
std::string rate_with_commas(double number);
/// "1,234 events", or "1 event".
std::string counted(std::uint64_t number, const char* one, const char* many);

}  // namespace rebuild_projection

#include "tools/terminal_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "pipeline/code_point.h"

namespace rebuild_projection {

namespace {

std::string hex(const char* prefix, unsigned value, int digits) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%s%0*x", prefix, digits, value);
  return buffer.data();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (!c.valid)
      result += hex("\\x", static_cast<unsigned>(c.value), 2);
    else if (c.value == U'\n')
      result += "\\n";
    else if (c.value == U'\t')
      result += "\\t";
    else if (c.value == U'\r')
      result += "\\r";
    else if (is_control(c.value))
      result += c.value < 0x80 ? hex("\\x", static_cast<unsigned>(c.value), 2)
                               : hex("\\u", static_cast<unsigned>(c.value), 4);
    else
      result += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  return result;
}

std::string shown(std::string_view text) {
  constexpr std::size_t characters_max = 60;
  if (text.find("://") != std::string_view::npos || text.find("password") != std::string_view::npos)
    return "(not shown: it may hold a password)";
  std::size_t bytes = 0;
  for (std::size_t n = 0; n < characters_max && bytes < text.size(); ++n)
    bytes += first_code_point(text.substr(bytes)).bytes;
  return '"' + printable(text.substr(0, bytes)) + (bytes < text.size() ? "...\"" : "\"");
}

std::string json_quoted(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (!c.valid)
      result += "\\ufffd";
    else if (c.value == U'"' || c.value == U'\\')
      (result += '\\') += static_cast<char>(c.value);
    else if (c.value == U'\n')
      result += "\\n";
    else if (is_control(c.value))
      result += hex("\\u", static_cast<unsigned>(c.value), 4);
    else
      result += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  return result += '"';
}

std::string json_printable(std::string_view json) {
  std::string result;
  result.reserve(json.size());
  while (!json.empty()) {
    const CodePoint c = first_code_point(json);
    if (c.value != U'\n' && is_control(c.value))
      result += hex("\\u", static_cast<unsigned>(c.value), 4);
    else
      result += json.substr(0, c.bytes);
    json.remove_prefix(c.bytes);
  }
  return result;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (; !text.empty(); ++columns) text.remove_prefix(first_code_point(text).bytes);
  return columns;
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t columns = columns_of(text);
  return std::string(text).append(columns < width ? width - columns : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t columns = columns_of(text);
  return std::string(columns < width ? width - columns : 0, ' ').append(text);
}

std::string in_columns(std::vector<std::vector<std::string>> rows, std::size_t left) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (auto& row : rows)
    for (std::size_t column = 0; column < row.size(); ++column) {
      row[column] = printable(row[column]);
      widths[column] = std::max(widths[column], columns_of(row[column]));
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column)
      line += (column == 0 ? "" : "  ") +
              (column < left ? pad_right(row[column], widths[column]) : pad_left(row[column], widths[column]));
    text += line.erase(line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string rate_with_commas(double number) {
  if (!(number > 0)) return "0";
  if (number >= 9.95) return with_commas(static_cast<std::uint64_t>(std::llround(std::min(number, 9e18))));
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", number);
  return buffer.data();
}

std::string counted(std::uint64_t number, const char* one, const char* many) {
  return with_commas(number) + ' ' + (number == 1 ? one : many);
}

}  // namespace rebuild_projection

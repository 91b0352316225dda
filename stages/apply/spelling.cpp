#include "stages/apply/spelling.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace rebuild_projection {
namespace {

/// Insertions, removals and replacements that make `left` from `right`.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string in_quotes(std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += "\\x";
      result += digits[byte >> 4];
      result += digits[byte & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string list_of(const std::vector<std::string>& names) {
  std::string result;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) result += i + 1 == names.size() ? " and " : ", ";
    result += in_quotes(names[i]);
  }
  return result;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  // A name longer than any identifier is no slip of the pen, and need not be compared.
  const std::size_t allowed = name.size() > 64 ? 0 : name.size() < 4 ? 1 : 2;
  const std::string* nearest = nullptr;
  std::size_t nearest_distance = allowed + 1;
  for (const std::string& candidate : candidates) {
    if (allowed == 0 || candidate.size() > 64) continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < nearest_distance) {
      nearest = &candidate;
      nearest_distance = distance;
    }
  }
  if (nearest != nullptr) return "did you mean " + in_quotes(*nearest) + "?";
  if (candidates.empty()) return "there are none";
  return (candidates.size() == 1 ? "there is " : "there are ") + list_of(candidates);
}

}  // namespace rebuild_projection

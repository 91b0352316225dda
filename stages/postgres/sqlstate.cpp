#include "stages/postgres/sqlstate.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rebuild_projection {

namespace {

using Words = std::pair<std::string_view, std::string_view>;

/// Conditions, and classes for those that are not listed.
constexpr std::array<Words, 29> conditions{{
    {"21000", "cardinality violation"},
    {"22001", "string data right truncation"},
    {"22003", "numeric value out of range"},
    {"22007", "invalid datetime format"},
    {"22008", "datetime field overflow"},
    {"22012", "division by zero"},
    {"22021", "character not in repertoire"},
    {"22023", "invalid parameter value"},
    {"22030", "duplicate JSON object key value"},
    {"22032", "invalid JSON text"},
    {"2200N", "invalid XML content"},
    {"22P02", "invalid text representation"},
    {"22P03", "invalid binary representation"},
    {"22P05", "untranslatable character"},
    {"23502", "not null violation"},
    {"23503", "foreign key violation"},
    {"23505", "unique violation"},
    {"23514", "check violation"},
    {"23P01", "exclusion violation"},
    {"P0001", "raise exception"},
    {"P0002", "no data found"},
    {"P0003", "too many rows"},
    {"P0004", "assert failure"},
    {"22", "data exception"},
    {"23", "integrity constraint violation"},
    {"38", "external routine exception"},
    {"39", "external routine invocation exception"},
    {"54", "program limit exceeded"},
    {"XX", "internal error"},
}};

/// Classes in which the server speaks of the statement, of its objects or of itself.
constexpr std::array<std::string_view, 18> without_values{"08", "0A", "25", "26", "28", "2B", "2D", "3B", "3D",
                                                          "3F", "40", "42", "53", "54", "55", "57", "58", "XX"};

}  // namespace

std::string condition_of(std::string_view sqlstate) {
  for (const auto& [state, words] : conditions)
    if (sqlstate.starts_with(state)) return std::string(words);
  return "an error of class " + std::string(sqlstate.substr(0, 2));
}

bool may_quote_values(std::string_view sqlstate) {
  return std::ranges::none_of(without_values, [&](std::string_view one) { return sqlstate.starts_with(one); });
}

}  // namespace rebuild_projection

#pragma once

#include <string>
#include <utility>

#include "pipeline/row_change.h"

/// How this stage reads the values of a change.
namespace rebuild_projection {

inline bool is_null(const Value& value) {
  return std::holds_alternative<Null>(value);
}

/// nullptr where it is none.
inline const List* list_of(const Value& value) {
  const auto* list = std::get_if<std::unique_ptr<List>>(&value);
  return list == nullptr ? nullptr : list->get();
}

/// Calls `use` with the text that the column's input function gets; the value must not be NULL or a List.
template <typename Use>
void with_text(const Value& value, Use&& use) {
  if (const auto* text = std::get_if<std::string>(&value))
    use(*text);
  else
    use(to_text(value));
}

/// A combining change makes the same of NULL as it adds to any other value.
inline bool same_when_null(const ColumnChange& change) {
  return !change.if_null;
}

/// The text of an array of these elements.
std::string array_text(const List& list);

}  // namespace rebuild_projection

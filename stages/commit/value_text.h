#pragma once

#include <string>
#include <utility>

#include "pipeline/row_change.h"

/// How this stage reads the values of a change.
namespace rebuild_projection {

/// Calls `use` with the text that the column's input function gets; the value must not be NULL or a List.
template <typename Use>
void with_text(const ValueView& value, Use&& use) {
  if (value.is_text())
    use(value.text());
  else
    use(to_text(value));
}

/// A combining change makes the same of NULL as it adds to any other value.
inline bool same_when_null(const ColumnChange& change) {
  return change.if_null.is_null();
}

/// The text of an array of these elements.
std::string array_text(const List& list);

}  // namespace rebuild_projection

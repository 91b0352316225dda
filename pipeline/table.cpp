#include "pipeline/table.h"

namespace rebuild_projection {

std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::set:
      return "set";
    case Operation::init:
      return "init";
    case Operation::add:
      return "add";
    case Operation::min:
      return "min";
    case Operation::max:
      return "max";
    case Operation::append:
      return "append";
  }
  return "?";
}

std::optional<std::size_t> TableLayout::column_index(std::string_view column) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == column) return i;
  return std::nullopt;
}

}  // namespace rebuild_projection

#include <cstdlib>

#include "tests/end_to_end/shapes/odd_names.h"
#include "tests/end_to_end/shapes/story.h"
#include "tests/end_to_end/shapes/target_shape.h"

namespace rebuild_projection::test {

std::vector<TargetShape> name_shapes() {
  std::vector<TargetShape> shapes;
  const std::vector<std::string>& names = odd_names();
  const auto& columns = Story::columns();
  // Seven at a time, so that each name is a column's; with patience each is every column's.
  const std::size_t step = std::getenv("REBUILD_PROJECTION_STRESS") == nullptr ? columns.size() : 1;
  for (std::size_t first = 0; first < names.size(); first += step) {
    TargetShape shape{.name = "columns_named_" + std::to_string(first)};
    for (std::size_t column = 0; column < columns.size(); ++column)
      shape.names[columns[column]] = names[(first + column) % names.size()];
    shape.target = names[(first + columns.size()) % names.size()];
    // A dot stands before a schema's table.
    if (shape.target.find('.') != std::string::npos) shape.target = "dotless";
    shapes.push_back(std::move(shape));
  }
  // Columns that are not written, of the names that are most likely to be ours.
  TargetShape beside{.name = "columns_beside_named_as_ours",
                     .table = "CREATE TABLE {t} ({columns}, PRIMARY KEY ({id}))"};
  std::string more, kept;
  for (const std::string& name : names) {
    if (name == "t" || name == "v" || name == "id") continue;
    const std::string quoted = quoted_name(name);
    more += ", " + quoted + " integer DEFAULT 5";
    kept += ", " + quoted;
  }
  beside.table = "CREATE TABLE {t} ({columns}" + more + ", PRIMARY KEY ({id}))";
  beside.kept = "SELECT id" + kept + " FROM t";
  shapes.push_back(std::move(beside));
  return shapes;
}

}  // namespace rebuild_projection::test

#include "tests/end_to_end/shapes/target_shape.h"

#include <iterator>

#include "tests/end_to_end/shapes/odd_names.h"
#include "tests/end_to_end/shapes/story.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {

namespace {

const std::map<std::string, std::string>& types_of_story() {
  static const std::map<std::string, std::string> all{
      {"id", "text"},      {"v", "integer"},   {"total", "bigint DEFAULT 0"}, {"label", "text"},
      {"slot", "integer"}, {"parent", "text"}, {"at", "timestamptz"}};
  return all;
}

}  // namespace

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string TargetShape::column(const std::string& of_story) const {
  const auto found = names.find(of_story);
  return found == names.end() ? of_story : found->second;
}

std::string TargetShape::sql(const std::string& text) const {
  std::string definitions;
  for (const std::string& of_story : Story::columns()) {
    const auto type = types.find(of_story);
    definitions += (definitions.empty() ? "" : ", ") + quoted_name(column(of_story)) + " " +
                   (type == types.end() ? types_of_story().at(of_story) : type->second);
  }
  std::string result = replaced(text, "{columns}", definitions);
  for (const std::string& of_story : Story::columns())
    result = replaced(result, "{" + of_story + "}", quoted_name(column(of_story)));
  return replaced(result, "{t}", quoted_name(target));
}

std::string TargetShape::toml(const std::string& text) const {
  std::string result = replaced(text, "{key}", "{ {id} = \"@stream_id\"{, twin = stream} }");
  result = replaced(result, "{, twin}", twin.empty() ? "" : ", " + toml_text(twin));
  result = replaced(result, "{, twin = stream}", twin.empty() ? "" : ", " + toml_text(twin) + " = \"@stream_id\"");
  for (const std::string& of_story : Story::columns())
    result = replaced(result, "{" + of_story + "}", toml_text(column(of_story)));
  return replaced(result, "{t}", toml_text(target));
}

void PrintTo(const TargetShape& shape, std::ostream* out) {
  *out << shape.name;
}

std::vector<TargetShape> target_shapes() {
  std::vector<TargetShape> all{{.name = "plain"}};
  for (auto part : {tree_shapes, index_shapes, foreign_key_shapes, surrounding_shapes, column_shapes, name_shapes}) {
    auto shapes = part();
    all.insert(all.end(), std::make_move_iterator(shapes.begin()), std::make_move_iterator(shapes.end()));
  }
  return all;
}

}  // namespace rebuild_projection::test

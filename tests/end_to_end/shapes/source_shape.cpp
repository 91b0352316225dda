#include "tests/end_to_end/shapes/source_shape.h"

#include <iterator>

#include "tests/end_to_end/shapes/odd_names.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {

namespace {

const std::map<std::string, std::string>& usual_types() {
  static const std::map<std::string, std::string> all{
      {"id", "uuid"}, {"ts", "timestamptz"}, {"kind", "text"}, {"stream", "text"}, {"body", "jsonb"}};
  return all;
}

std::string joined_with_commas(const std::vector<std::string>& texts) {
  std::string result;
  for (const std::string& text : texts) result += (result.empty() ? "" : ", ") + text;
  return result;
}

}  // namespace

std::string SourceShape::column(const std::string& of_story) const {
  const auto found = names.find(of_story);
  return found == names.end() ? of_story : found->second;
}

std::vector<std::string> SourceShape::columns() const {
  std::vector<std::string> result;
  if (types.contains("n")) result.emplace_back("n");
  for (const char* name_of : {"id", "ts", "kind", "stream", "body"}) result.emplace_back(name_of);
  return result;
}

std::string SourceShape::sql(const std::string& text) const {
  std::vector<std::string> definitions, ordered;
  std::string result = text;
  for (const std::string& one : columns()) {
    const auto type = types.find(one);
    definitions.push_back(quoted_name(column(one)) + " " +
                          (type == types.end() ? usual_types().at(one) : type->second));
  }
  for (const std::string& one : order) ordered.push_back(quoted_name(column(one)));
  result = replaced(result, "{columns}", joined_with_commas(definitions));
  result = replaced(result, "{order}", joined_with_commas(ordered));
  result = replaced(result, "{store}", quoted_name(store));
  for (const std::string& one : columns()) result = replaced(result, "{" + one + "}", quoted_name(column(one)));
  return result;
}

std::string SourceShape::append(int first, int last) const {
  std::vector<std::string> into, literals;
  for (const std::string& one : columns()) {
    const auto value = values.find(one);
    if (value != values.end() && value->second.empty()) continue;
    into.push_back(quoted_name(column(one)));
    literals.push_back("quote_nullable((" + (value == values.end() ? one : value->second) + ")::text)");
  }
  // Every type takes a literal.
  return "DO $fill$ DECLARE one text; BEGIN FOR one IN SELECT $into$INSERT INTO " + quoted_name(store) + " (" +
         joined_with_commas(into) + ") VALUES ($into$ || concat_ws(', ', " + joined_with_commas(literals) +
         ") || ')' FROM oracle.log WHERE n % 100 BETWEEN " + std::to_string(first) + " AND " + std::to_string(last) +
         " ORDER BY md5(n::text) LOOP EXECUTE one; END LOOP; END $fill$";
}

std::string SourceShape::toml() const {
  std::vector<std::string> ordered;
  for (const std::string& one : order) ordered.push_back(toml_text(column(one)));
  std::string text = "from = " + toml_text(from.empty() ? store : sql(from)) + "\norder = [" +
                     joined_with_commas(ordered) + "]\n" + lines;
  for (const auto& [key, of_story] : {std::pair{"event_id", "id"}, std::pair{"ts", "ts"}, std::pair{"type", "kind"},
                                      std::pair{"stream_id", "stream"}, std::pair{"payload", "body"}})
    text += std::string(key) + " = " + toml_text(column(of_story)) + "\n";
  return text;
}

void PrintTo(const SourceShape& shape, std::ostream* out) {
  *out << shape.name;
}

std::vector<SourceShape> source_shapes() {
  std::vector<SourceShape> all{{.name = "plain"}};
  for (auto part : {order_shapes, attribute_shapes, relation_shapes}) {
    auto shapes = part();
    all.insert(all.end(), std::make_move_iterator(shapes.begin()), std::make_move_iterator(shapes.end()));
  }
  return all;
}

}  // namespace rebuild_projection::test

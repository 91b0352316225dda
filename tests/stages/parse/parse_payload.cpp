#include "tests/stages/parse/parse_payload.h"

namespace rebuild_projection::test {

std::string show(const Json& json) {
  const std::string text(json.text);
  switch (json.kind) {
    case Json::Kind::missing:
      return "missing" + text;
    case Json::Kind::null:
      return "null" + text;
    case Json::Kind::boolean:
      return "boolean " + text;
    case Json::Kind::number:
      return "number " + text;
    case Json::Kind::string:
      return "string " + text;
    case Json::Kind::object:
      return "object " + text;
    case Json::Kind::array:
      return "array " + text;
    case Json::Kind::invalid:
      return text.empty() ? "invalid without a reason" : "invalid";
    case Json::Kind::uuid:
    case Json::Kind::moment:
      break;
  }
  return "no kind";
}

std::string show(const Element& element, Show show_value) {
  std::string text = "[";
  for (std::size_t i = 0; i < element.matched.size(); ++i) {
    if (i > 0) text += ' ';
    text += element.matched[i];
  }
  text += ']';
  for (const Json& value : element.values) text += " " + show_value(value) + ";";
  return text;
}

Outcome parse_payload(const Extraction& extraction, const std::string& payload, PayloadFormat format, Show show_value) {
  const ExtractingProjector projector(extraction);
  const Page page = make_page({{"1", "wanted", R"({"a":"before"})"}, {"2", "wanted", payload}, {"3", "wanted", "[9]"}});
  Outcome outcome;
  const auto parser = make_json_parser({&projector}, format);
  const ParsedPage parsed = parser->parse(page);
  if (!parsed.errors.empty()) outcome.error = parsed.errors.at(1);
  for (std::size_t i = 0; i < extraction.paths.size(); ++i)
    outcome.values.push_back(show_value(parsed.values.at(parser->values_per_event() + i)));
  for (std::size_t i = 0; i < extraction.elements.size(); ++i) {
    outcome.elements.emplace_back();
    for (const Element& element : parsed.elements.at(parser->elements_per_event() + i))
      outcome.elements.back().push_back(show(element, show_value));
  }
  return outcome;
}

std::string value_at(const std::string& path, const std::string& payload, PayloadFormat format) {
  const Outcome outcome = parse_payload({{path}, {}}, payload, format);
  return outcome.error ? "error: " + *outcome.error : outcome.values.front();
}

}  // namespace rebuild_projection::test

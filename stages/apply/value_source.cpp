#include "stages/apply/value_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "pipeline/decimal.h"
#include "pipeline/json_pointer.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

constexpr std::array<std::pair<std::string_view, Attribute>, 6> attributes = {{{"@event_id", Attribute::event_id},
                                                                               {"@ts", Attribute::ts},
                                                                               {"@type", Attribute::type},
                                                                               {"@stream_id", Attribute::stream_id},
                                                                               {"@position", Attribute::position},
                                                                               {"@metadata", Attribute::metadata}}};

/// The n of "@n", from 1; 0 where it is not a number.
std::size_t wildcard_number(std::string_view text) {
  std::size_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + 1, end, number);
  return error == std::errc() && stop == end && text[1] != '0' ? number : 0;
}

/// "what: sentence", or nothing before the sentence where the place needs no name.
std::string place(const std::string& what) {
  return what.empty() ? "" : what + ": ";
}

std::optional<ValueSource> read_attribute(ValueSource source, const std::string& what, const ValueScope& scope,
                                          Mistakes& mistakes) {
  const std::string& text = source.written;
  if (text == "@payload") {
    source.kind = ValueSource::Kind::payload;
    return source;
  }
  for (const auto& [name, attribute] : attributes) {
    if (text != name) continue;
    source.kind = ValueSource::Kind::attribute;
    source.attribute = attribute;
    return source;
  }
  const std::size_t number = wildcard_number(text);
  if (number == 0) {
    std::vector<std::string> names = {"@payload"};
    for (const auto& [name, attribute] : attributes) names.emplace_back(name);
    mistakes.add(source.line,
                 place(what) + "there is no attribute " + in_quotes(text) + "; " + suggestion(text, names));
  } else if (!scope.inside_for_each) {
    mistakes.add(source.line,
                 place(what) + in_quotes(text) + " is what a * of for_each matched, and this rule has no for_each");
  } else if (number > scope.wildcards) {
    mistakes.add(source.line, place(what) + in_quotes(text) + " asks for more * than for_each has, which is " +
                                  std::to_string(scope.wildcards));
  } else {
    source.kind = ValueSource::Kind::matched;
    source.wildcard = number - 1;
    return source;
  }
  return std::nullopt;
}

std::optional<Constant> read_real(const TomlNode& node, const std::string& what, Mistakes& mistakes) {
  if (!std::isfinite(node.real)) {
    mistakes.add(node.line, place(what) + "nan and inf are not numbers that can be written here");
    return std::nullopt;
  }
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), node.real).ptr;
  const std::string_view shortest(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  // TOML's fractions are doubles: up to 15 digits come back as they were written, more may not.
  const std::string_view mantissa = shortest.substr(0, shortest.find('e'));
  const std::string_view significant = mantissa.substr(std::min(mantissa.find_first_of("123456789"), mantissa.size()));
  const auto digits =
      std::count_if(significant.begin(), significant.end(), [](char c) { return c >= '0' && c <= '9'; });
  const auto decimal = Decimal::parse(shortest);
  if (!decimal || digits > 15) {
    mistakes.add(node.line, place(what) + "a TOML fraction keeps 15 digits only; write { literal = \"…\" } for more");
    return std::nullopt;
  }
  return Constant{Json::Kind::number, decimal->to_text()};
}

void refuse_unknown_members(const TomlNode& node, const std::vector<std::string>& known, const std::string& what,
                            Mistakes& mistakes) {
  for (const TomlNode& member : node.items)
    if (std::find(known.begin(), known.end(), member.key) == known.end())
      mistakes.add(member.key_line, place(what) + "there is no key " + in_quotes(member.key) + " here; " +
                                        suggestion(member.key, known));
}

/// { literal = … } or { path = …, default = … }
std::optional<ValueSource> read_value_table(const TomlNode& node, const std::string& what, const ValueScope& scope,
                                            Mistakes& mistakes) {
  refuse_unknown_members(node, {"literal", "path", "default"}, what, mistakes);
  const TomlNode* literal = node.find("literal");
  const TomlNode* path = node.find("path");
  const TomlNode* fallback = node.find("default");
  if (literal != nullptr && (path != nullptr || fallback != nullptr)) {
    mistakes.add(node.line, place(what) + "a literal stands alone, without path and default");
    return std::nullopt;
  }
  if (literal != nullptr) {
    auto constant = read_constant(*literal, what, mistakes);
    if (!constant) return std::nullopt;
    ValueSource source;
    source.constant = std::move(*constant);
    source.line = literal->line;
    return source;
  }
  if (path == nullptr) {
    mistakes.add(node.line, place(what) + "write { literal = … } or { path = \"/…\", default = … }");
    return std::nullopt;
  }
  if (path->kind != TomlNode::Kind::text) {
    mistakes.add(path->line,
                 place(what) + "path must be a text such as \"/a\", not " + std::string(name_of(path->kind)));
    return std::nullopt;
  }
  auto source = read_reference(path->text, path->line, what, scope, mistakes);
  if (fallback == nullptr) return source;
  // { literal = … } is how a text stands for itself elsewhere, so it may stand here too.
  const TomlNode* inner = fallback->items.size() == 1 ? fallback->find("literal") : nullptr;
  auto constant = read_constant(inner != nullptr ? *inner : *fallback, what, mistakes);
  if (!source || !constant) return std::nullopt;
  if (source->kind != ValueSource::Kind::payload && source->kind != ValueSource::Kind::element) {
    mistakes.add(fallback->line,
                 place(what) + in_quotes(source->written) + " is never missing, so it cannot have a default");
    return std::nullopt;
  }
  source->fallback = std::move(*constant);
  return source;
}

}  // namespace

std::optional<ValueSource> read_reference(std::string_view text, int line, const std::string& what,
                                          const ValueScope& scope, Mistakes& mistakes) {
  ValueSource source;
  source.line = line;
  source.written = std::string(text);
  if (text.empty()) {
    mistakes.add(line, place(what) + "an empty text is no path; write \"@payload\" for the whole payload, or " +
                           "{ literal = \"\" } for an empty text");
    return std::nullopt;
  }
  if (text.front() == '@') return read_attribute(std::move(source), what, scope, mistakes);
  const bool relative = text == "." || text.starts_with("./");
  if (!relative && text.front() != '/') {
    mistakes.add(line, place(what) + in_quotes(text) + " is neither a path (" + in_quotes("/" + std::string(text)) +
                           ") nor an attribute (\"@ts\"); write { literal = " + in_quotes(text) + " } for a text");
    return std::nullopt;
  }
  if (relative && !scope.inside_for_each) {
    mistakes.add(line, place(what) + in_quotes(text) + " is relative to an element of for_each, and this rule has no " +
                           "for_each; begin a path into the payload with \"/\"");
    return std::nullopt;
  }
  if (!pointer_tokens(relative ? text.substr(1) : text)) {
    mistakes.add(line, place(what) + "in the path " + in_quotes(text) + " a ~ must be written ~0, and a / in a key ~1");
    return std::nullopt;
  }
  source.kind = relative ? ValueSource::Kind::element : ValueSource::Kind::payload;
  source.path = std::string(relative ? text.substr(1) : text);
  return source;
}

std::optional<Constant> read_constant(const TomlNode& node, const std::string& what, Mistakes& mistakes) {
  switch (node.kind) {
    case TomlNode::Kind::text:
      if (node.text.find('\0') != std::string::npos) {
        mistakes.add(node.line, place(what) + "PostgreSQL cannot hold a text with the character U+0000");
        return std::nullopt;
      }
      return Constant{Json::Kind::string, node.text};
    case TomlNode::Kind::integer:
      return Constant{Json::Kind::number, std::to_string(node.integer)};
    case TomlNode::Kind::real:
      return read_real(node, what, mistakes);
    case TomlNode::Kind::boolean:
      return Constant{Json::Kind::boolean, node.boolean ? "true" : "false"};
    case TomlNode::Kind::date:
      mistakes.add(node.line, place(what) + "write a date or time as a text, in quotes");
      return std::nullopt;
    case TomlNode::Kind::array:
    case TomlNode::Kind::table:
      break;
  }
  mistakes.add(node.line,
               place(what) + "a text, number or boolean must stand here, not " + std::string(name_of(node.kind)));
  return std::nullopt;
}

std::optional<ValueSource> read_value(const TomlNode& node, const std::string& what, const ValueScope& scope,
                                      Mistakes& mistakes) {
  switch (node.kind) {
    case TomlNode::Kind::text:
      return read_reference(node.text, node.line, what, scope, mistakes);
    case TomlNode::Kind::table:
      return read_value_table(node, what, scope, mistakes);
    case TomlNode::Kind::array:
      mistakes.add(node.line,
                   place(what) + "a list cannot be a value; write { literal = \"{…}\" } for an array's text");
      return std::nullopt;
    case TomlNode::Kind::date:
      mistakes.add(node.line, place(what) + "write { literal = \"…\" } for a date or time");
      return std::nullopt;
    case TomlNode::Kind::integer:
    case TomlNode::Kind::real:
    case TomlNode::Kind::boolean:
      break;
  }
  auto constant = read_constant(node, what, mistakes);
  if (!constant) return std::nullopt;
  ValueSource source;
  source.constant = std::move(*constant);
  source.line = node.line;
  return source;
}

std::optional<std::string> read_pattern(const TomlNode& node, std::size_t& wildcards, Mistakes& mistakes) {
  if (node.kind != TomlNode::Kind::text) {
    mistakes.add(node.line, "for_each must be a path such as \"/items/*\", not " + std::string(name_of(node.kind)));
    return std::nullopt;
  }
  if (!node.text.starts_with('/')) {
    mistakes.add(node.line, "for_each must be a path into the payload, such as \"/items/*\", and begin with \"/\"");
    return std::nullopt;
  }
  if (!pointer_tokens(node.text)) {
    mistakes.add(node.line, "in the path " + in_quotes(node.text) + " a ~ must be written ~0, and a / in a key ~1");
    return std::nullopt;
  }
  wildcards = 0;
  const std::string path = node.text + "/";
  for (std::size_t at = path.find("/*/"); at != std::string::npos; at = path.find("/*/", at + 2)) ++wildcards;
  if (wildcards == 0) {
    mistakes.add(node.line, "for_each has no * that stands for the elements; write " + in_quotes(node.text + "/*"));
    return std::nullopt;
  }
  return node.text;
}

}  // namespace rebuild_projection

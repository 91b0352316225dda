#include "stages/apply/toml_document.h"

#include <toml++/toml.h>

#include <algorithm>
#include <utility>

namespace rebuild_projection {
namespace {

int line_of(const toml::source_region& region) {
  return std::max(1, static_cast<int>(region.begin.line));
}

TomlNode plain(const toml::node& node);

void read_members(const toml::table& table, TomlNode& result) {
  for (auto&& [key, value] : table) {
    TomlNode member = plain(value);
    member.key = std::string(key.str());
    member.key_line = line_of(key.source());
    result.items.push_back(std::move(member));
  }
}

TomlNode plain(const toml::node& node) {
  TomlNode result;
  result.line = line_of(node.source());
  if (const auto* table = node.as_table()) {
    result.kind = TomlNode::Kind::table;
    read_members(*table, result);
  } else if (const auto* array = node.as_array()) {
    result.kind = TomlNode::Kind::array;
    for (const toml::node& item : *array) result.items.push_back(plain(item));
  } else if (const auto* text = node.as_string()) {
    result.kind = TomlNode::Kind::text;
    result.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    result.kind = TomlNode::Kind::integer;
    result.integer = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    result.kind = TomlNode::Kind::real;
    result.real = real->get();
  } else if (const auto* boolean = node.as_boolean()) {
    result.kind = TomlNode::Kind::boolean;
    result.boolean = boolean->get();
  } else {
    result.kind = TomlNode::Kind::date;
  }
  return result;
}

}  // namespace

const TomlNode* TomlNode::find(std::string_view member) const {
  const auto found = std::find_if(items.begin(), items.end(), [&](const TomlNode& item) { return item.key == member; });
  return kind == Kind::table && found != items.end() ? &*found : nullptr;
}

std::string_view name_of(TomlNode::Kind kind) {
  switch (kind) {
    case TomlNode::Kind::text:
      return "a text";
    case TomlNode::Kind::integer:
    case TomlNode::Kind::real:
      return "a number";
    case TomlNode::Kind::boolean:
      return "a boolean";
    case TomlNode::Kind::date:
      return "a date or time";
    case TomlNode::Kind::array:
      return "a list";
    case TomlNode::Kind::table:
      break;
  }
  return "a table";
}

std::optional<TomlNode> parse_toml(std::string_view text, Mistakes& mistakes) {
  try {
    const toml::table root = toml::parse(text);
    return plain(root);
  } catch (const toml::parse_error& error) {
    mistakes.add(line_of(error.source()), "this is not TOML: " + std::string(error.description()));
    return std::nullopt;
  }
}

}  // namespace rebuild_projection

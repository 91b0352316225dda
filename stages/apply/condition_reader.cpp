#include "stages/apply/condition_reader.h"

#include <string>
#include <utility>

#include "pipeline/timestamp.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

std::string subject(const ValueSource& source) {
  return "when " + in_quotes(source.written);
}

/// A constant that the reference could never equal is a mistake of the author, not a condition.
bool can_equal(const ValueSource& source, const Constant& constant, int line, Mistakes& mistakes) {
  const bool is_text = source.kind == ValueSource::Kind::attribute || source.kind == ValueSource::Kind::matched;
  if (!is_text) return true;
  if (constant.kind == Json::Kind::boolean) {
    mistakes.add(line, subject(source) + ": " + in_quotes(source.written) + " is a text and never equals a boolean");
    return false;
  }
  if (source.is_timestamp() && (constant.kind != Json::Kind::string || !Timestamp::parse(constant.text).has_value())) {
    mistakes.add(line, subject(source) + ": \"@ts\" is compared with a time such as \"2025-02-01 00:00:00+00\"");
    return false;
  }
  const bool never_number = source.kind == ValueSource::Kind::attribute &&
                            (source.attribute == Attribute::type || source.attribute == Attribute::metadata);
  if (constant.kind == Json::Kind::number && never_number) {
    mistakes.add(line, subject(source) + ": " + in_quotes(source.written) + " is a text and never equals a number");
    return false;
  }
  return true;
}

bool read_exists(const TomlNode& table, Condition& condition, Mistakes& mistakes) {
  const TomlNode* exists = table.find("exists");
  if (exists == nullptr || table.items.size() != 1 || exists->kind != TomlNode::Kind::boolean) {
    mistakes.add(table.line,
                 subject(condition.source) + ": write { exists = true } or { exists = false }, and nothing else in it");
    return false;
  }
  condition.exists = exists->boolean;
  return true;
}

bool read_alternatives(const TomlNode& node, Condition& condition, Mistakes& mistakes) {
  const std::string what = subject(condition.source);
  if (node.kind == TomlNode::Kind::array && node.items.empty()) {
    mistakes.add(node.line, what + ": an empty list holds for no event; name at least one value");
    return false;
  }
  const bool is_list = node.kind == TomlNode::Kind::array;
  bool good = true;
  for (std::size_t i = 0; i < (is_list ? node.items.size() : 1); ++i) {
    const TomlNode& item = is_list ? node.items[i] : node;
    auto constant = read_constant(item, what, mistakes);
    good = constant && can_equal(condition.source, *constant, item.line, mistakes) && good;
    if (constant) condition.any_of.push_back(std::move(*constant));
  }
  return good;
}

}  // namespace

std::optional<Condition> read_condition(const TomlNode& node, const ValueScope& scope, Mistakes& mistakes) {
  auto source = read_reference(node.key, node.key_line, "when", scope, mistakes);
  if (!source) return std::nullopt;
  Condition condition;
  condition.source = std::move(*source);
  const bool good = node.kind == TomlNode::Kind::table ? read_exists(node, condition, mistakes)
                                                       : read_alternatives(node, condition, mistakes);
  return good ? std::optional(std::move(condition)) : std::nullopt;
}

}  // namespace rebuild_projection

#include "stages/apply/definition.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

std::string text_of(const Constant& constant) {
  return constant.kind == Json::Kind::string ? "literal " + in_quotes(constant.text) : constant.text;
}

std::string text_of(const ValueSource& source) {
  if (source.kind == ValueSource::Kind::constant) return text_of(source.constant);
  const std::string reference = in_quotes(source.written);
  return source.fallback ? reference + " default " + text_of(*source.fallback) : reference;
}

std::string text_of(const Condition& condition) {
  std::string text = in_quotes(condition.source.written);
  if (condition.exists) return text + (*condition.exists ? " exists" : " does not exist");
  std::vector<std::string> alternatives;
  for (const Constant& constant : condition.any_of) alternatives.push_back(text_of(constant));
  std::sort(alternatives.begin(), alternatives.end());
  text += " is";
  for (const std::string& one : alternatives) text += " " + one;
  return text;
}

/// Lines whose order has no meaning.
void append_sorted(std::string& text, std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) text += "  " + line + "\n";
}

std::string_view text_of(Rule::Rows rows) {
  switch (rows) {
    case Rule::Rows::upsert:
      return "upsert";
    case Rule::Rows::update:
      return "update";
    case Rule::Rows::remove:
      break;
  }
  return "delete";
}

std::string text_of(const Rule& rule) {
  std::string text = "on";
  if (rule.every_event) text += " *";
  std::vector<std::string> events = rule.events;
  std::sort(events.begin(), events.end());
  for (const std::string& event : events) text += " " + in_quotes(event);
  text += " ";
  text += text_of(rule.rows);
  text += "\n";
  if (rule.for_each) text += "  for_each " + in_quotes(*rule.for_each) + "\n";
  std::vector<std::string> lines;
  for (const Condition& condition : rule.when) lines.push_back("when " + text_of(condition));
  append_sorted(text, std::move(lines));
  lines.clear();
  for (const KeyPart& part : rule.key) lines.push_back("key " + in_quotes(part.column) + " = " + text_of(part.value));
  append_sorted(text, std::move(lines));
  lines.clear();
  for (const Assignment& assignment : rule.assignments)
    lines.push_back(std::string(name_of(assignment.operation)) + " " + in_quotes(assignment.column) + " = " +
                    text_of(assignment.value));
  append_sorted(text, std::move(lines));
  return text;
}

}  // namespace

std::string definition_of(const ProjectionFile::Content& content) {
  std::string text = "projection " + in_quotes(content.name) + " version " + std::to_string(content.version) + "\n";
  text += "table " + in_quotes(content.table) + "\nkey";
  for (const KeyColumn& column : content.key) text += " " + in_quotes(column.name);
  text += "\n";
  for (const Rule& rule : content.rules) text += text_of(rule);
  return text;
}

}  // namespace rebuild_projection

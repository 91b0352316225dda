#include "stages/apply/file_projector.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include "stages/apply/definition.h"

namespace rebuild_projection {

FileProjector::FileProjector(std::shared_ptr<const ProjectionFile::Content> content, TableLayout layout)
    : content_(std::move(content)), layout_(std::move(layout)) {
  for (const Rule& rule : content_->rules) {
    rules_.push_back(bind_rule(rule, layout_, extraction_));
    for (const std::string& type : rule.events) rules_by_type_[type];
  }
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = content_->rules[i];
    if (rule.every_event) {
      rules_for_every_type_.push_back(i);
      for (auto& [type, numbers] : rules_by_type_) numbers.push_back(i);
    }
    for (const std::string& type : rule.events) rules_by_type_[type].push_back(i);
  }
}

std::string FileProjector::definition() const {
  return definition_of(*content_);
}

const FileProjector::RuleNumbers& FileProjector::rules_for(std::string_view event_type) const {
  const auto found = rules_by_type_.find(event_type);
  return found == rules_by_type_.end() ? rules_for_every_type_ : found->second;
}

bool FileProjector::handles(std::string_view event_type) const {
  return !rules_for(event_type).empty();
}

std::vector<std::string> FileProjector::event_types() const {
  std::set<std::string> types;
  for (const auto& [type, numbers] : rules_by_type_) types.insert(type);
  return {types.begin(), types.end()};
}

std::optional<std::string> FileProjector::not_repeatable() const {
  const auto place = [&](int line) { return content_->path.string() + ":" + std::to_string(line) + ": "; };
  for (const Rule& rule : content_->rules) {
    if (rule.rows == Rule::Rows::update) return place(rule.rows_line) + "rows = \"update\"";
    for (const Assignment& assignment : rule.assignments)
      if (assignment.operation == Operation::add || assignment.operation == Operation::append)
        return place(assignment.line) + std::string(name_of(assignment.operation));
  }
  return std::nullopt;
}

void FileProjector::handle(const Event& event, Changes& changes) const {
  EventValues values(event);
  std::array<Json, key_columns_max> key_space;
  for (const std::size_t number : rules_for(event.type())) {
    const BoundRule& rule = rules_[number];
    if (!values.hold(rule.event_when)) continue;
    if (!rule.elements) {
      apply(rule, values, key_space, changes);
      continue;
    }
    for (const Element& element : event.elements(*rule.elements)) {
      values.enter(element);
      if (values.hold(rule.element_when)) apply(rule, values, key_space, changes);
    }
  }
}

void FileProjector::apply(const BoundRule& rule, EventValues& values, std::span<Json> key_space, Changes& changes) {
  for (std::size_t i = 0; i < rule.key.size(); ++i) key_space[i] = values.get(rule.key[i]);
  const std::span<const Json> key = key_space.first(rule.key.size());
  if (rule.rows == Rule::Rows::remove) {
    changes.remove(key);
    return;
  }
  Changes::Row row = rule.rows == Rule::Rows::update ? changes.update(key) : changes.upsert(key);
  for (const BoundAssignment& assignment : rule.assignments)
    row.apply(assignment.operation, assignment.column, values.get(assignment.value));
}

}  // namespace rebuild_projection

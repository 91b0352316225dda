#include "stages/apply/file_projector.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>

#include "pipeline/error.h"
#include "pipeline/hash.h"
#include "stages/apply/definition.h"
#include "stages/apply/paths_of_rules.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {

namespace {

std::string obstacle_of(const ProjectionFile::Content& content) {
  const auto place = [&](int line) { return content.path.string() + ":" + std::to_string(line) + ": "; };
  for (const Rule& rule : content.rules) {
    if (rule.rows == Rule::Rows::update) return place(rule.rows_line) + "rows = \"update\"";
    for (const Assignment& assignment : rule.assignments)
      if (assignment.operation == Operation::add || assignment.operation == Operation::append)
        return place(assignment.line) + std::string(name_of(assignment.operation));
  }
  return "";
}

}  // namespace

struct FileProjector::Parts {
  Declaration declaration;
  TableLayout layout;
  std::vector<BoundRule> rules;

  Parts(const ProjectionFile::Content& content, TableLayout&& bound) : layout(std::move(bound)) {
    for (const Rule& rule : content.rules) {
      rules.push_back(bind_rule(rule, layout, declaration.payload));
      if (rule.every_event) declaration.events.emplace_back("*");
      declaration.events.insert(declaration.events.end(), rule.events.begin(), rule.events.end());
    }
    declaration.name = content.name;
    declaration.version = content.version;
    declaration.definition = definition_of(content);
    declaration.not_repeatable = obstacle_of(content);
  }
};

FileProjector::FileProjector(const std::shared_ptr<const ProjectionFile::Content>& content, TableLayout layout)
    : FileProjector(content, Parts(*content, std::move(layout))) {}

FileProjector::FileProjector(std::shared_ptr<const ProjectionFile::Content> content, Parts parts)
    : Projector(std::move(parts.declaration), std::move(parts.layout)),
      content_(std::move(content)),
      rules_(std::move(parts.rules)) {
  for (const std::string& type : event_types()) rules_by_type_[type];
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = content_->rules[i];
    if (rule.every_event) {
      rules_for_every_type_.push_back(i);
      for (auto& [type, numbers] : rules_by_type_) numbers.push_back(i);
    }
    for (const std::string& type : rule.events) rules_by_type_[type].push_back(i);
  }
  slots_.resize(std::bit_ceil(2 * rules_by_type_.size() + 1));
  for (const auto& entry : rules_by_type_) {
    std::size_t at = hash_of(entry.first) & (slots_.size() - 1);
    while (slots_[at] != nullptr) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = &entry;
  }
}

const FileProjector::RuleNumbers& FileProjector::rules_for(std::string_view event_type) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash_of(event_type) & mask; slots_[at] != nullptr; at = (at + 1) & mask)
    if (slots_[at]->first == event_type) return slots_[at]->second;
  return rules_for_every_type_;
}

void FileProjector::handle(const Event& event, Changes& changes) const {
  EventValues values(event);
  std::array<Json, 4> few_parts;
  std::vector<Json> many_parts;
  std::span<Json> key_space = few_parts;
  if (table().key.size() > few_parts.size()) {
    many_parts.resize(table().key.size());
    key_space = many_parts;
  }
  for (const std::size_t number : rules_for(event.type())) {
    const BoundRule& rule = rules_[number];
    if (!values.hold(rule.event_when)) continue;
    if (!rule.elements) {
      apply(number, values, key_space, changes);
      continue;
    }
    for (const Element& element : event.elements(*rule.elements)) {
      values.enter(element);
      if (values.hold(rule.element_when)) apply(number, values, key_space, changes);
    }
  }
}

std::vector<std::string> FileProjector::paths_read(std::string_view event_type) const {
  std::vector<std::string> paths;
  const auto add = [&](const BoundSource& source) {
    if (source.kind == ValueSource::Kind::payload) paths.push_back(extraction().paths[source.index]);
  };
  for (const std::size_t number : rules_for(event_type)) {
    const BoundRule& rule = rules_[number];
    if (rule.elements) paths.push_back(extraction().elements[*rule.elements].pattern);
    for (const BoundCondition& condition : rule.event_when) add(condition.source);
    for (const BoundCondition& condition : rule.element_when) add(condition.source);
    for (const BoundSource& part : rule.key) add(part);
    for (const BoundAssignment& assignment : rule.assignments) add(assignment.value);
  }
  return paths;
}

std::unique_ptr<PathLook> FileProjector::path_look() const {
  return std::make_unique<PathsOfRules>(
      *content_, rules_, [this](std::string_view type) -> const RuleNumbers& { return rules_for(type); });
}

std::optional<std::size_t> FileProjector::stream_key_part() const {
  const auto is_stream = [](const BoundSource& source) {
    return source.kind == ValueSource::Kind::attribute && source.attribute == Attribute::stream_id;
  };
  for (std::size_t part = 0; part < table().key.size(); ++part)
    if (std::ranges::all_of(rules_, [&](const BoundRule& rule) { return is_stream(rule.key[part]); })) return part;
  return std::nullopt;
}

void FileProjector::refuse_key(std::size_t number, std::size_t part, const Json& value, std::string_view type) const {
  const BoundSource& source = rules_[number].key[part];
  const std::string place = content_->path.string() + ":" + std::to_string(source.line) + ": ";
  throw EventError(place + "key column " + in_quotes(table().key[part].name) + " has no value: in an event of type " +
                   in_quotes(type) + " " + in_quotes(source.written) +
                   (value.kind == Json::Kind::null ? " is null" : " leads nowhere") + " (the rule begins in line " +
                   std::to_string(content_->rules[number].line) + ")");
}

void FileProjector::apply(std::size_t number, EventValues& values, std::span<Json> key_space, Changes& changes) const {
  const BoundRule& rule = rules_[number];
  for (std::size_t i = 0; i < rule.key.size(); ++i) {
    key_space[i] = values.get(rule.key[i]);
    if (key_space[i].kind == Json::Kind::missing || key_space[i].kind == Json::Kind::null)
      refuse_key(number, i, key_space[i], values.event().type());
  }
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

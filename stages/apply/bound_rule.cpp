#include "stages/apply/bound_rule.h"

#include <algorithm>

#include "pipeline/error.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

/// The index of `path` in `paths`, where it is put if it is not there.
std::size_t index_of(std::vector<std::string>& paths, const std::string& path) {
  const auto found = std::find(paths.begin(), paths.end(), path);
  const auto index = static_cast<std::size_t>(found - paths.begin());
  if (found == paths.end()) paths.push_back(path);
  return index;
}

std::size_t index_of(std::vector<Extraction::Elements>& elements, const std::string& pattern) {
  const auto found =
      std::find_if(elements.begin(), elements.end(), [&](const auto& one) { return one.pattern == pattern; });
  const auto index = static_cast<std::size_t>(found - elements.begin());
  if (found == elements.end()) elements.push_back({pattern, {}});
  return index;
}

Json json_of(const Constant& constant) {
  return {constant.kind, constant.text};
}

/// Turns the paths of one rule into indexes.
class SourceBinder {
 public:
  SourceBinder(Extraction& extraction, std::optional<std::size_t> elements)
      : extraction_(extraction), elements_(elements) {}

  BoundSource bind(const ValueSource& source, ColumnType column = ColumnType::text) {
    BoundSource bound;
    bound.column = column;
    bound.kind = source.kind;
    bound.attribute = source.attribute;
    bound.written = source.written;
    bound.line = source.line;
    bound.has_fallback = source.fallback.has_value();
    bound.constant = json_of(source.fallback ? *source.fallback : source.constant);
    if (source.kind == ValueSource::Kind::payload)
      bound.index = index_of(extraction_.paths, source.path);
    else if (source.kind == ValueSource::Kind::element)
      bound.index = index_of(extraction_.elements.at(elements_.value()).paths, source.path);
    else
      bound.index = source.wildcard;
    return bound;
  }

 private:
  Extraction& extraction_;
  std::optional<std::size_t> elements_;
};

BoundCondition bind_condition(const Condition& condition, SourceBinder& sources) {
  BoundCondition bound;
  bound.source =
      sources.bind(condition.source, condition.source.is_timestamp() ? ColumnType::timestamp : ColumnType::text);
  bound.exists = condition.exists;
  for (const Constant& constant : condition.any_of) {
    BoundCondition::Alternative alternative;
    alternative.constant = json_of(constant);
    if (constant.kind == Json::Kind::number) alternative.number = Decimal::parse(constant.text);
    if (condition.source.is_timestamp()) alternative.moment = Timestamp::parse(constant.text);
    bound.any_of.push_back(std::move(alternative));
  }
  return bound;
}

bool looks_at_element(const ValueSource& source) {
  return source.kind == ValueSource::Kind::element || source.kind == ValueSource::Kind::matched;
}

bool equals(const BoundCondition::Alternative& alternative, const BoundSource& source, const Json& value) {
  if (alternative.moment) return moment_of(value) == alternative.moment;
  if (alternative.number) {
    // An attribute is a text that may hold a number; a string in a payload is never one.
    const bool is_attribute = source.kind == ValueSource::Kind::attribute || source.kind == ValueSource::Kind::matched;
    if (value.kind != Json::Kind::number && !(is_attribute && value.kind == Json::Kind::string)) return false;
    if (value.text == alternative.constant.text) return true;
    const auto number = Decimal::parse(value.text);
    return number && *number == *alternative.number;
  }
  return value.kind == alternative.constant.kind && value.text == alternative.constant.text;
}

}  // namespace

BoundRule bind_rule(const Rule& rule, const TableLayout& layout, Extraction& extraction) {
  BoundRule bound;
  bound.rows = rule.rows;
  if (rule.for_each) bound.elements = index_of(extraction.elements, *rule.for_each);
  SourceBinder sources(extraction, bound.elements);
  for (const Condition& condition : rule.when) {
    auto& conditions = looks_at_element(condition.source) ? bound.element_when : bound.event_when;
    conditions.push_back(bind_condition(condition, sources));
  }
  for (const KeyPart& part : rule.key) bound.key.push_back(sources.bind(part.value, layout.key[bound.key.size()].type));
  for (const Assignment& assignment : rule.assignments) {
    const std::size_t column = layout.column_index(assignment.column).value();
    bound.assignments.push_back(
        {assignment.operation, column, sources.bind(assignment.value, layout.columns[column].type)});
  }
  return bound;
}

Json EventValues::get(const BoundSource& source) {
  Json value;
  switch (source.kind) {
    case ValueSource::Kind::constant:
      return source.constant;
    case ValueSource::Kind::attribute:
      return get_attribute(source);
    case ValueSource::Kind::matched:
      return {Json::Kind::string, element_->matched[source.index]};
    case ValueSource::Kind::payload:
      value = event_.value(source.index);
      break;
    case ValueSource::Kind::element:
      value = element_->values[source.index];
      break;
  }
  if (value.kind == Json::Kind::invalid)
    throw EventError("the value at " + in_quotes(source.written) + " cannot be read: " + std::string(value.text));
  return value.kind == Json::Kind::missing && source.has_fallback ? source.constant : value;
}

Json EventValues::get_attribute(const BoundSource& source) {
  switch (source.attribute) {
    case Attribute::event_id:
      return event_.event_id(source.column);
    case Attribute::type:
      return {Json::Kind::string, event_.type()};
    case Attribute::ts:
      return event_.ts(source.column);
    case Attribute::metadata:
      return event_.metadata();
    case Attribute::position:
      if (!position_) position_ = to_string(event_.stored().owned_position());
      return {Json::Kind::string, *position_};
    case Attribute::stream_id:
      break;
  }
  return event_.stream_id(source.column);
}

bool EventValues::holds(const BoundCondition& condition) {
  // Asking whether an event has a stream id is no use of it.
  if (condition.exists && condition.source.kind == ValueSource::Kind::attribute &&
      condition.source.attribute == Attribute::stream_id)
    return !event_.stored().stream_id.is_null() == *condition.exists;
  const Json value = get(condition.source);
  if (condition.exists) return (value.kind != Json::Kind::missing) == *condition.exists;
  return std::any_of(condition.any_of.begin(), condition.any_of.end(),
                     [&](const auto& alternative) { return equals(alternative, condition.source, value); });
}

bool EventValues::hold(const std::vector<BoundCondition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const BoundCondition& condition) { return holds(condition); });
}

}  // namespace rebuild_projection

#include "stages/apply/paths_of_rules.h"

#include <algorithm>
#include <utility>

#include "pipeline/error.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {

PathsOfRules::PathsOfRules(const ProjectionFile::Content& content, const std::vector<BoundRule>& rules,
                           RulesFor rules_for)
    : file_(content.path), rules_(rules), rules_for_(std::move(rules_for)), of_(rules.size()) {
  for (std::size_t number = 0; number < rules.size(); ++number) {
    const BoundRule& rule = rules[number];
    OfRule& of = of_[number];
    for (const BoundCondition& condition : rule.event_when) add(of.event_when, condition.source);
    for (const BoundCondition& condition : rule.element_when) add(of.element_when, condition.source);
    for (const BoundSource& part : rule.key) add(of.values, part);
    for (const BoundAssignment& assignment : rule.assignments) add(of.values, assignment.value);
    const Rule& written = content.rules[number];
    if (written.for_each) of.pattern.push_back({nullptr, *written.for_each, written.for_each_line, 0, false});
    of.missing = of.event_when.size() + of.element_when.size() + of.values.size() + of.pattern.size();
    missing_ += of.missing;
  }
}

void PathsOfRules::add(std::vector<Place>& places, const BoundSource& source) {
  if (source.kind == ValueSource::Kind::payload || source.kind == ValueSource::Kind::element)
    places.push_back({&source, source.written, source.line, 0, false});
}

void PathsOfRules::look(const Event& event) {
  for (const std::size_t number : rules_for_(event.type())) {
    if (of_[number].missing == 0) continue;
    try {
      look(rules_[number], of_[number], event);
    } catch (const EventError&) {  // `when` reads what cannot be read: the rule itself says so
    }
  }
}

void PathsOfRules::look(const BoundRule& rule, OfRule& of, const Event& event) {
  look(of, of.event_when, event, nullptr);
  EventValues values(event);
  if (!values.hold(rule.event_when)) return;
  if (!rule.elements) return look(of, of.values, event, nullptr);
  const std::vector<Element>& elements = event.elements(*rule.elements);
  note(of, of.pattern.front(), !elements.empty());
  for (const Element& element : elements) {
    values.enter(element);
    look(of, of.element_when, event, &element);
    if (values.hold(rule.element_when)) look(of, of.values, event, &element);
  }
}

void PathsOfRules::look(OfRule& of, std::span<Place> places, const Event& event, const Element* element) {
  for (Place& place : places) {
    if (place.found) continue;
    const std::size_t index = place.source->index;
    const Json& value = place.source->kind == ValueSource::Kind::payload ? event.value(index) : element->values[index];
    note(of, place, value.kind != Json::Kind::missing);
  }
}

void PathsOfRules::note(OfRule& of, Place& place, bool found) {
  ++place.looks;
  if (!found || place.found) return;
  place.found = true;
  --of.missing;
  --missing_;
}

std::vector<std::string> PathsOfRules::never_found() const {
  std::vector<std::string> sentences;
  for (std::size_t number = 0; number < of_.size(); ++number) {
    const OfRule& of = of_[number];
    say(sentences, of.event_when, "event");
    say(sentences, of.pattern, "event");
    say(sentences, of.element_when, "element");
    say(sentences, of.values, rules_[number].elements ? "element" : "event");
  }
  return sentences;
}

void PathsOfRules::say(std::vector<std::string>& sentences, std::span<const Place> places, const char* unit) const {
  for (const Place& place : places) {
    if (place.found || place.looks == 0) continue;
    std::string sentence = file_.string() + ":" + std::to_string(place.line) + ": the path " +
                           in_quotes(place.written) + " " + led_nowhere(place.looks, unit, "this rule");
    if (std::ranges::find(sentences, sentence) == sentences.end()) sentences.push_back(std::move(sentence));
  }
}

}  // namespace rebuild_projection

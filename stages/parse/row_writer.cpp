#include "stages/parse/row_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace rebuild_projection {

RowWriter::RowWriter(const PathTree& tree, std::pmr::memory_resource& texts)
    : tree_(tree), texts_(texts), keeps_steps_(!tree.patterns.empty()), element_values_(tree.patterns.size()) {
  std::size_t depth = 0;
  for (const PathTree::Node& node : tree.nodes) depth = std::max(depth, node.depth);
  steps_.resize(depth);
}

void RowWriter::begin(Json* values, std::vector<Element>* elements) {
  values_ = values;
  elements_ = elements;
}

void RowWriter::clear() {
  std::fill_n(values_, tree_.values, Json{});
  for (std::size_t i = 0; i < tree_.patterns.size(); ++i) elements_[i].clear();
}

void RowWriter::begin_match(std::uint32_t number) {
  const PathTree::Pattern& pattern = tree_.patterns[number];
  auto* matched = make<std::string_view>(pattern.wildcards.size());
  for (std::size_t i = 0; i < pattern.wildcards.size(); ++i) matched[i] = text_of(steps_[pattern.wildcards[i]]);
  Json* values = make<Json>(pattern.values);
  element_values_[number] = values;
  elements_[number].push_back({{matched, pattern.wildcards.size()}, {values, pattern.values}});
}

/// Takes the value in pieces: a copied Json would be loaded wider than it was just stored, which stalls the processor.
void RowWriter::put(const PathTree::Node& node, Json::Kind kind, std::string_view text) {
  for (const std::uint32_t place : node.values) values_[place] = {kind, text};
  for (const PathTree::ElementValue& place : node.element_values)
    element_values_[place.pattern][place.value] = {kind, text};
}

std::string_view RowWriter::text_of(Step& step) {
  if (step.text.data() != nullptr) return step.text;
  std::array<char, 20> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), step.index).ptr;
  const auto size = static_cast<std::size_t>(end - digits.data());
  char* text = text_of(size);
  std::memcpy(text, digits.data(), size);
  return step.text = {text, size};
}

}  // namespace rebuild_projection

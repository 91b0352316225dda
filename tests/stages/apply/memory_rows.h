#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/projector.h"

/// Rows in memory and a plain reading of what a change says about them, to see what a projector's changes do. It knows
/// a row, which the code under test never sees.
namespace rebuild_projection::test {

using MemoryRow = std::map<std::string, std::string>;  ///< without the columns that are NULL
using MemoryRows = std::map<std::vector<std::string>, MemoryRow>;

inline std::optional<std::string> shown(const ValueView& value) {
  if (value.is_null()) return std::nullopt;
  const List* list = value.list();
  if (list == nullptr) return to_text(value);
  std::string text = list->base.value_or("");
  for (const auto& element : list->appended) text += "+" + element.value_or("NULL");
  return text;
}

inline std::string combined(const Column& column, const std::string& base, const std::string& value) {
  switch (column.operations.combining().value()) {
    case Operation::add: {
      // Enough for tests: two digits after the point.
      const long long cents = std::llround(std::stod(base) * 100) + std::llround(std::stod(value) * 100);
      if (column.type == ColumnType::integer) return std::to_string(cents / 100);
      const std::string digits = std::to_string(cents);
      return digits.substr(0, digits.size() - 2) + "." + digits.substr(digits.size() - 2);
    }
    case Operation::min:
      if (column.type == ColumnType::timestamp) return value < base ? value : base;
      return std::stod(value) < std::stod(base) ? value : base;
    case Operation::max:
      if (column.type == ColumnType::timestamp) return value > base ? value : base;
      return std::stod(value) > std::stod(base) ? value : base;
    case Operation::append:
    case Operation::set:
    case Operation::init:
      break;
  }
  return base + value;
}

inline void change_columns(const TableLayout& table, const ColumnChanges& changes, MemoryRow& row) {
  for (const ColumnChange change : changes) {
    const Column& column = table.columns.at(change.column);
    const auto base = row.find(column.name);
    std::optional<std::string> result;
    if (change.action == ColumnChange::Action::replace)
      result = shown(change.value);
    else if (base == row.end())
      result = shown(change.when_null());
    else if (change.action == ColumnChange::Action::init)
      result = base->second;
    else
      result = combined(column, base->second, shown(change.value).value_or(""));
    row.erase(column.name);
    if (result) row[column.name] = *result;
  }
}

inline void change_rows(const ChangeSet& set, MemoryRows& rows) {
  for (const ChangeSet::Row* change : set.sorted()) {
    std::vector<std::string> key;
    for (std::size_t part = 0; part < set.table().key.size(); ++part) key.push_back(set.key_text(*change, part));
    if (change->change.removes) rows.erase(key);
    if (const auto present = rows.find(key); present != rows.end())
      change_columns(set.table(), change->change.present, present->second);
    else if (change->change.creates)
      change_columns(set.table(), change->change.when_absent(), rows[key]);
  }
}

/// An event whose payload is given as the values at its paths.
struct MemoryElement {
  std::vector<std::string> matched;
  std::map<std::string, Json> values;  ///< by path relative to the element
};
struct MemoryEvent {
  std::string type;
  std::map<std::string, Json> values = {};                          ///< by path
  std::map<std::string, std::vector<MemoryElement>> elements = {};  ///< by pattern
  std::string event_id = "e1";
  std::optional<std::string> ts = "2025-02-01 00:00:00+00";
  std::optional<std::string> stream_id = "s1";
  std::optional<std::string> metadata = std::nullopt;
  std::vector<std::string> position = {"2025-02-01 00:00:00+00", "e1"};
};

inline Json text(std::string_view value) {
  return {Json::Kind::string, value};
}
inline Json number(std::string_view value) {
  return {Json::Kind::number, value};
}
inline Json boolean(bool value) {
  return {Json::Kind::boolean, value ? "true" : "false"};
}
inline Json null() {
  return {Json::Kind::null, {}};
}

/// Calls handle() with what the projector's extraction() asks for, and does to `rows` what it says.
inline void handle(const Projector& projector, const MemoryEvent& event, MemoryRows& rows) {
  const auto at = [](const std::map<std::string, Json>& values, const std::string& path) {
    const auto found = values.find(path);
    return found == values.end() ? Json{} : found->second;
  };
  const auto stored_value = [](const std::optional<std::string>& text) {
    return text ? StoredValue(std::string_view(*text)) : StoredValue();
  };
  std::vector<StoredValue> position;
  for (const std::string& part : event.position) position.emplace_back(std::string_view(part));
  const StoredEvent stored{std::string_view(event.event_id),
                           stored_value(event.ts),
                           event.type,
                           stored_value(event.stream_id),
                           "{}",
                           stored_value(event.metadata),
                           position};
  std::vector<Json> values;
  for (const std::string& path : projector.extraction().paths) values.push_back(at(event.values, path));

  std::vector<std::vector<Element>> elements;
  std::vector<std::vector<Json>> element_values;
  std::vector<std::vector<std::string_view>> matched;
  for (const Extraction::Elements& wanted : projector.extraction().elements) {
    elements.emplace_back();
    const auto found = event.elements.find(wanted.pattern);
    if (found == event.elements.end()) continue;
    for (const MemoryElement& one : found->second) {
      // A moved vector keeps its elements in place, so the spans stay good.
      auto& its_values = element_values.emplace_back();
      for (const std::string& path : wanted.paths) its_values.push_back(at(one.values, path));
      auto& its_matches = matched.emplace_back(one.matched.begin(), one.matched.end());
      elements.back().push_back({its_matches, its_values});
    }
  }
  Changes changes(projector.table());
  projector.handle(Event(stored, projector.extraction(), values, elements), changes);
  ChangeSet set(projector.table());
  changes.move_into(set);
  change_rows(set, rows);
}

}  // namespace rebuild_projection::test

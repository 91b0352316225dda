#include "stages/traced_projector.h"

#include <algorithm>
#include <utility>

namespace rebuild_projection {

namespace {

std::string text_of(const ValueView& value) {
  if (value.is_null()) return "NULL";
  const Value owned = value.owned();
  const auto* list = std::get_if<std::unique_ptr<List>>(&owned);
  if (list == nullptr) return to_text(value);
  std::string result = (*list)->base.value_or("");
  for (const auto& element : (*list)->appended) result += (result.empty() ? "" : ", ") + element.value_or("NULL");
  return result;
}

RowEvent::Column column_of(const TableLayout& table, const ColumnChange& change, bool show_values) {
  using Action = ColumnChange::Action;
  const Column& column = table.columns[change.column];
  const Operation operation = change.action == Action::replace ? Operation::set
                              : change.action == Action::init  ? Operation::init
                                                               : column.operations.combining().value();
  RowEvent::Column result{column.name, std::string(name_of(operation)), std::nullopt};
  if (show_values) result.value = text_of(change.value);
  return result;
}

/// What a change does to a row that is there, or is not.
RowEvent::Effect effect_of(const RowChange& change, bool there) {
  using Effect = RowEvent::Effect;
  if (!there) return change.creates ? Effect::created : Effect::row_absent;
  if (change.removes) return change.creates ? Effect::created_anew : Effect::deleted;
  return change.present.empty() ? Effect::no_column : Effect::changed;
}

}  // namespace

TracedProjector::TracedProjector(const Projector& projector, std::string key, bool show_values)
    : Projector(projector.declaration(), projector.table()),
      projector_(projector),
      key_(std::move(key)),
      show_values_(show_values) {}

void TracedProjector::handle(const Event& event, Changes& changes) const {
  Changes of_event(table());
  projector_.handle(event, of_event);
  ChangeSet set(table());
  of_event.move_into(set);
  const auto rows = set.sorted();
  const auto row = std::ranges::find(rows, key_, [](const ChangeSet::Row* one) { return one->key(); });
  if (row == rows.end()) return;
  note(event.stored(), (*row)->change);
  projector_.handle(event, changes);
}

void TracedProjector::note(const StoredEvent& event, const RowChange& change) const {
  const std::lock_guard lock(mutex_);
  if (!noted_.insert(event.owned_position()).second) return;
  RowEvent noted{event.event_id.text(), event.owned_position(), std::string(event.type), effect_of(change, there_), {}};
  const bool made = noted.effect == RowEvent::Effect::created || noted.effect == RowEvent::Effect::created_anew;
  if (made || noted.effect == RowEvent::Effect::changed)
    for (const ColumnChange column : made ? change.when_absent() : change.present)
      noted.columns.push_back(column_of(table(), column, show_values_));
  if (made || noted.effect == RowEvent::Effect::deleted) there_ = made;
  events_.push_back(std::move(noted));
}

}  // namespace rebuild_projection

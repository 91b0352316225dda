#include "pipeline/changes.h"

#include <charconv>
#include <stdexcept>

#include "pipeline/column_error.h"

/// From a value of a payload to a change of a column.
namespace rebuild_projection {
namespace {

using Action = ColumnChange::Action;

/// An integral number of an integer column, or the column's scale of any other.
Decimal to_decimal(const Column& column, const Json& json) {
  const bool whole = column.type == ColumnType::integer;
  const std::string_view needed = whole ? "an integer" : "a number";
  if (json.kind != Json::Kind::number && json.kind != Json::Kind::string) throw wrong_value(column, needed, json);
  std::optional<Decimal> number = Decimal::parse(json.text);
  if (!number && json.kind == Json::Kind::string) throw wrong_value(column, needed, json);
  if (!number) throw EventError("column " + quoted(column) + " cannot hold a number of so many digits");
  if (whole) {
    if (!number->is_integral())
      throw EventError("column " + quoted(column) + " needs an integer, the payload has a number with a fraction");
    return number->rounded(0);
  }
  return column.scale ? number->rounded(*column.scale) : *number;
}

Timestamp to_timestamp(const Column& column, const Json& json) {
  const auto moment = json.kind == Json::Kind::string ? Timestamp::parse(json.text) : std::nullopt;
  if (!moment) throw wrong_value(column, "a timestamp", json);
  return *moment;
}

/// The text for a column that is only set or initialised.
std::string to_column_text(const Column& column, const Json& json) {
  if (column.type == ColumnType::integer && json.kind == Json::Kind::number) {
    const std::string_view text = json.text;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return std::to_string(number);
    return to_decimal(column, json).to_text();
  }
  return std::string(json.text);
}

Value make_list(const Json* base, const Json* element) {
  auto list = std::make_unique<List>();
  if (base != nullptr) list->base = std::string(base->text);
  if (element == nullptr) return list;
  if (element->kind == Json::Kind::null) {
    list->appended.emplace_back(std::nullopt);
  } else {
    const std::string& text = list->appended.emplace_back(std::string(element->text)).value();
    const bool is_inline = text.capacity() <= std::string().capacity();
    list->appended_bytes = is_inline ? 0 : text.capacity() + 1;
  }
  return list;
}

/// `json` as the column holds it: as what its combining operation works on, or as text.
Value to_value(const Column& column, const Json& json) {
  const std::optional<Operation> combining = column.operations.combining();
  if (!combining) return to_column_text(column, json);
  if (*combining == Operation::append) return make_list(&json, nullptr);
  if (column.type == ColumnType::timestamp) return to_timestamp(column, json);
  return to_decimal(column, json);
}

/// They refer to the operands.
std::vector<Json> to_parts(std::initializer_list<Operand> key) {
  std::vector<Json> parts;
  for (const Operand& part : key) parts.push_back(part.json());
  return parts;
}

void check_declared(const Column& column, Operation operation) {
  if (!column.operations.has(operation))
    throw std::logic_error("the projector does not declare \"" + std::string(name_of(operation)) + "\" for column " +
                           quoted(column));
}

/// The change that `operation` makes; nullopt where it makes none.
std::optional<ColumnChange> make_change(const Column& column, std::uint16_t index, Operation operation,
                                        const Json& json) {
  if (json.kind == Json::Kind::invalid) throw unreadable_value(column, json);
  const bool absent = json.kind == Json::Kind::missing || json.kind == Json::Kind::null;
  switch (operation) {
    case Operation::set:
      if (json.kind == Json::Kind::missing) return std::nullopt;
      return ColumnChange{index, Action::replace, absent ? Value(Null{}) : to_value(column, json), nullptr};
    case Operation::init:
      if (absent) return std::nullopt;
      return ColumnChange{index, Action::init, to_value(column, json), nullptr};
    case Operation::add:
      return ColumnChange{index, Action::combine, absent ? Value(Decimal(0)) : to_value(column, json), nullptr};
    case Operation::min:
    case Operation::max:
      if (absent) return std::nullopt;
      return ColumnChange{index, Action::combine, to_value(column, json), nullptr};
    case Operation::append:
      if (json.kind == Json::Kind::missing) return std::nullopt;
      return ColumnChange{index, Action::combine, make_list(nullptr, &json), nullptr};
  }
  return std::nullopt;
}

}  // namespace

Changes::Row& Changes::Row::apply(Operation operation, std::size_t column, const Json& value) {
  const TableLayout& table = *changes_->table_;
  const Column& target = table.columns.at(column);
  check_declared(target, operation);
  if (auto change = make_change(target, static_cast<std::uint16_t>(column), operation, value))
    compose(table, changes_->pending_[index_].second.present, std::move(*change));
  return *this;
}

Changes::Row& Changes::Row::apply(Operation operation, std::string_view column, const Operand& value) {
  const auto index = changes_->table_->column_index(column);
  if (!index)
    throw std::logic_error("the projector writes column \"" + std::string(column) + "\" and does not declare it");
  return apply(operation, *index, value.json());
}

Changes::Row Changes::upsert(std::initializer_list<Operand> key) {
  return upsert(to_parts(key));
}

Changes::Row Changes::update(std::initializer_list<Operand> key) {
  return update(to_parts(key));
}

void Changes::remove(std::initializer_list<Operand> key) {
  remove(to_parts(key));
}

Changes::Row Changes::upsert(std::span<const Json> key) {
  pending_.emplace_back(make_key(*table_, key), RowChange::upsert({}));
  return {*this, pending_.size() - 1};
}

Changes::Row Changes::update(std::span<const Json> key) {
  if (!table_->updates) throw std::logic_error("the projector does not declare that it updates existing rows");
  pending_.emplace_back(make_key(*table_, key), RowChange::update({}));
  return {*this, pending_.size() - 1};
}

void Changes::remove(std::span<const Json> key) {
  pending_.emplace_back(make_key(*table_, key), RowChange::remove());
}

void Changes::move_into(ChangeSet& set) {
  for (auto& [key, change] : pending_) set.add(std::move(key), std::move(change));
  pending_.clear();
}

}  // namespace rebuild_projection

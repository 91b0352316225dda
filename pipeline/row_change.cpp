#include "pipeline/row_change.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace rebuild_projection {
namespace {

bool is_null(const Value& value) {
  return std::holds_alternative<Null>(value);
}

std::unique_ptr<Value> copy(const std::unique_ptr<Value>& value) {
  return value ? std::make_unique<Value>(copy(*value)) : nullptr;
}

void append(List& list, const List& operand) {
  list.appended.insert(list.appended.end(), operand.appended.begin(), operand.appended.end());
  list.appended_bytes += operand.appended_bytes;
}

template <class Comparable>
void keep(Operation combining, Comparable& value, const Comparable& operand) {
  // Neither replaces an equal one: ties keep the earlier value.
  if (combining == Operation::min ? operand < value : value < operand) value = operand;
}

/// `value` becomes "value, then `operand`" under the column's combining operation. Neither is Null.
void combine(Operation combining, Value& value, const Value& operand) {
  if (auto* number = std::get_if<Decimal>(&value)) {
    if (combining == Operation::add) {
      *number += std::get<Decimal>(operand);
    } else {
      keep(combining, *number, std::get<Decimal>(operand));
    }
  } else if (auto* moment = std::get_if<Timestamp>(&value)) {
    keep(combining, *moment, std::get<Timestamp>(operand));
  } else {
    append(*std::get<std::unique_ptr<List>>(value), *std::get<std::unique_ptr<List>>(operand));
  }
}

Operation combining_operation(const TableLayout& table, std::size_t column) {
  const std::optional<Operation> operation = table.columns[column].operations.combining();
  if (!operation) throw std::logic_error("a combining change of a column that has no combining operation");
  return *operation;
}

void combine_after(Operation combining, ColumnChange& first, ColumnChange&& later) {
  switch (first.action) {
    case ColumnChange::Action::replace:
      if (is_null(first.value)) {
        first.value = std::move(later.if_null ? *later.if_null : later.value);
      } else {
        combine(combining, first.value, later.value);
      }
      return;
    case ColumnChange::Action::init:
      first.action = ColumnChange::Action::combine;
      first.if_null = std::make_unique<Value>(std::move(first.value));
      combine(combining, *first.if_null, later.value);
      first.value = std::move(later.value);
      break;
    case ColumnChange::Action::combine:
      // What the column has become is not NULL, whatever it was: later.if_null has no part in it.
      combine(combining, first.value, later.value);
      if (!first.if_null) return;
      combine(combining, *first.if_null, later.value);
      break;
  }
  if (equal(*first.if_null, first.value)) first.if_null.reset();
}

void compose_column(const TableLayout& table, ColumnChange& first, ColumnChange&& later) {
  switch (later.action) {
    case ColumnChange::Action::replace:
      std::swap(first, later);  // a plain move would keep the memory of a long text for a short one
      break;
    case ColumnChange::Action::init:
      // Every other change leaves a value behind that is not NULL.
      if (first.action == ColumnChange::Action::replace && is_null(first.value)) first.value = std::move(later.value);
      break;
    case ColumnChange::Action::combine:
      combine_after(combining_operation(table, later.column), first, std::move(later));
      break;
  }
}

ColumnChanges clone(const ColumnChanges& columns) {
  ColumnChanges result;
  result.reserve(columns.size());
  for (const ColumnChange& column : columns)
    result.push_back({column.column, column.action, copy(column.value), copy(column.if_null)});
  return result;
}

}  // namespace

Value copy(const Value& value) {
  return std::visit(
      [](const auto& held) -> Value {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::unique_ptr<List>>) {
          return std::make_unique<List>(*held);
        } else {
          return held;
        }
      },
      value);
}

bool equal(const Value& left, const Value& right) {
  if (left.index() != right.index()) return false;
  if (const auto* list = std::get_if<std::unique_ptr<List>>(&left))
    return **list == *std::get<std::unique_ptr<List>>(right);
  if (const auto* number = std::get_if<Decimal>(&left))
    return number->scale() == std::get<Decimal>(right).scale() && *number == std::get<Decimal>(right);
  return left == right;
}

std::string to_text(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<Decimal>(&value)) return number->to_text();
  if (const auto* moment = std::get_if<Timestamp>(&value)) return moment->to_text();
  throw std::logic_error("NULL and lists have no text");
}

RowChange RowChange::clone() const {
  RowChange result;
  result.removes = removes;
  result.creates = creates;
  result.same = same;
  result.present = rebuild_projection::clone(present);
  result.absent = rebuild_projection::clone(absent);
  return result;
}

RowChange RowChange::upsert(ColumnChanges columns) {
  RowChange change;
  change.creates = true;
  change.same = true;
  change.present = std::move(columns);
  return change;
}

RowChange RowChange::update(ColumnChanges columns) {
  RowChange change;
  change.present = std::move(columns);
  return change;
}

RowChange RowChange::remove() {
  RowChange change;
  change.removes = true;
  return change;
}

void compose(const TableLayout& table, ColumnChanges& first, ColumnChange&& later) {
  const auto at =
      std::lower_bound(first.begin(), first.end(), later.column,
                       [](const ColumnChange& change, std::uint16_t column) { return change.column < column; });
  if (at != first.end() && at->column == later.column) {
    compose_column(table, *at, std::move(later));
  } else {
    first.insert(at, std::move(later));
  }
}

void compose(const TableLayout& table, ColumnChanges& first, ColumnChanges&& later) {
  if (first.empty()) {
    first = std::move(later);
    return;
  }
  for (ColumnChange& change : later) compose(table, first, std::move(change));
}

void compose(const TableLayout& table, RowChange& first, RowChange&& later) {
  const bool nothing_before = !first.removes && !first.creates && first.present.empty();
  if (later.removes || nothing_before) {
    first = std::move(later);
    return;
  }
  if (first.same) {  // The row is there afterwards in either case, and has the same changes behind it.
    compose(table, first.present, std::move(later.present));
    return;
  }
  if (first.creates) {
    compose(table, first.absent, first.removes ? std::move(later.present) : clone(later.present));
  } else if (later.creates) {
    first.creates = true;
    if (!later.same) {
      first.absent = std::move(later.absent);
    } else {
      first.absent = first.removes ? std::move(later.present) : clone(later.present);
    }
  }
  if (!first.removes) compose(table, first.present, std::move(later.present));
}

}  // namespace rebuild_projection

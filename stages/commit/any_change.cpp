#include "stages/commit/any_change.h"

#include "stages/commit/value_text.h"

namespace rebuild_projection {

namespace {

// See ColumnChange::Action; a column without a change is kept.
constexpr char keep = 'k', replace = 'r', init = 'i', combine = 'c';

char letter(ColumnChange::Action action) {
  switch (action) {
    case ColumnChange::Action::replace:
      return replace;
    case ColumnChange::Action::init:
      return init;
    case ColumnChange::Action::combine:
      break;
  }
  return combine;
}

}  // namespace

void AnyChanges::add_column(ArraySource& source, const TargetTable::Target& target, std::size_t column) {
  source.add(array_name('v', column));
  if (target.combines) source.add(array_name('n', column));
  if (!target.appends) return;
  for (const char kind : {'w', 'm'}) source.add(array_name(kind, column));
}

void AnyChanges::add_actions(ArraySource& source) {
  source.add("o", "bytea");
}

void AnyChanges::encode_column(StatementArrays& arrays, const TargetTable::Target& target, const ColumnChange* change) {
  const ValueView nothing{};
  const ValueView value = change == nullptr ? nothing : change->value;
  const bool combines = change != nullptr && change->action == ColumnChange::Action::combine;
  const ValueView if_null = combines ? change->when_null() : nothing;
  actions_ += change == nullptr ? keep : letter(change->action);
  arrays.value(value);
  if (target.combines) arrays.value(if_null);
  if (!target.appends) return;
  arrays.appended(value);
  arrays.appended(if_null);
}

void AnyChanges::encode_actions(StatementArrays& arrays) {
  arrays.text(actions_);
  actions_.clear();
}

std::string combined_sql(const TargetTable::Target& target, std::size_t column, const std::string& current) {
  const std::string type = "::" + target.catalogue->base_type;
  const std::string value = source('v', column) + type;
  switch (*target.column->operations.combining()) {
    case Operation::add:  // in numeric, so that only the result has to fit the column, not the batch's sum on its way
      return "((" + current + ")::numeric + " + source('v', column) + "::numeric)" + type;
    case Operation::min:  // a tie keeps the earlier value: 1.0 stays 1.0 when 1.00 comes
      return "CASE WHEN " + value + " < " + current + " THEN " + value + " ELSE " + current + " END";
    case Operation::max:
      return "CASE WHEN " + value + " > " + current + " THEN " + value + " ELSE " + current + " END";
    default:
      return current + " || " + source('w', column) + type;
  }
}

std::string any_change_sql(const TargetTable::Target& target, std::size_t column, std::size_t place,
                           const std::string& current) {
  const std::string type = "::" + target.catalogue->base_type;
  std::string value = source('v', column) + type;
  std::string if_null = source('n', column) + type;
  if (target.appends) {
    value = "array_cat(" + value + ", " + source('w', column) + type + ")";
    if_null = "array_cat(" + if_null + ", " + source('m', column) + type + ")";
  }
  std::string result = "CASE get_byte(d.o, " + std::to_string(place) + ")";
  const auto when = [&](char action, const std::string& result_then) {
    result += " WHEN " + std::to_string(action) + " THEN " + result_then;
  };
  when(keep, current);
  when(replace, value);
  when(init, "coalesce(" + current + ", " + value + ")");
  if (target.combines)
    result += " ELSE CASE WHEN (" + current + ") IS NULL THEN " + if_null + " ELSE " +
              combined_sql(target, column, current) + " END";
  return result + " END";
}

}  // namespace rebuild_projection

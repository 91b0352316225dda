#include "tests/support/plain_rows.h"

#include <algorithm>
#include <stdexcept>

namespace rebuild_projection::plain {
namespace {

using Kind = Json::Kind;

std::size_t any_below(std::mt19937& random, std::size_t count) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

struct Target {
  Column column;
  Operation combining;  ///< set where there is none
  std::vector<Input> inputs;
};

const std::vector<Target>& targets() {
  constexpr Operations plain = Operations(Operation::set) | Operation::init;
  constexpr Kind number = Kind::number, string = Kind::string;
  static const std::vector<Target> all{
      {{"label", ColumnType::text, {}, plain},
       Operation::set,
       {{string, "a", "a"}, {string, "", ""}, {number, "1.10", "1.10"}, {Kind::object, "{\"x\": 1}", "{\"x\": 1}"}}},
      {{"total", ColumnType::numeric, 2, plain | Operation::add},
       Operation::add,
       {{number, "1", "1.00"},
        {string, "0.5", "0.50"},
        {number, "2.005", "2.01"},
        {number, "-2.005", "-2.01"},
        {number, "0", "0.00"}}},
      {{"sum", ColumnType::numeric, {}, plain | Operation::add},
       Operation::add,
       {{number, "1", "1"}, {string, "0.5", "0.5"}, {number, "2.005", "2.005"}, {number, "-1.50", "-1.50"}}},
      {{"count", ColumnType::integer, 0, plain | Operation::add},
       Operation::add,
       {{number, "2.0", "2"}, {number, "-3", "-3"}, {string, "1", "1"}, {number, "1e1", "10"}}},
      {{"low", ColumnType::integer, 0, plain | Operation::min},
       Operation::min,
       {{number, "5", "5"}, {string, "3", "3"}, {number, "4.0", "4"}, {number, "-7", "-7"}}},
      {{"high", ColumnType::numeric, {}, plain | Operation::max},
       Operation::max,
       {{number, "1.0", "1.0"},
        {number, "1.00", "1.00"},
        {string, "1", "1"},
        {number, "2.5", "2.5"},
        {number, "-1", "-1"}}},
      {{"first", ColumnType::timestamp, {}, plain | Operation::min},
       Operation::min,
       {{string, "2025-01-02T00:00:00Z", "2025-01-02 00:00:00+00"},
        {string, "2025-01-01 00:00:00+00", "2025-01-01 00:00:00+00"},
        {string, "2025-01-04T01:00:00+02:00", "2025-01-03 23:00:00+00"}}},
      {{"tags", ColumnType::array, {}, plain | Operation::append},
       Operation::append,
       {{string, "{}", "{}"},
        {string, "{x}", "{x}"},
        {string, "an element too long for a short string", "an element too long for a short string"}}},
  };
  return all;
}

struct Number {
  long long units = 0;
  int scale = 0;
};

Number number_of(const std::string& text) {
  const std::size_t point = text.find('.');
  if (point == std::string::npos) return {std::stoll(text), 0};
  return {std::stoll(text.substr(0, point) + text.substr(point + 1)), static_cast<int>(text.size() - point - 1)};
}

void bring_to_one_scale(Number& left, Number& right) {
  for (; left.scale < right.scale; ++left.scale) left.units *= 10;
  for (; right.scale < left.scale; ++right.scale) right.units *= 10;
}

std::string text_of(Number number) {
  std::string digits = std::to_string(std::abs(number.units));
  while (static_cast<int>(digits.size()) <= number.scale) digits.insert(0, "0");
  if (number.scale > 0) digits.insert(digits.size() - static_cast<std::size_t>(number.scale), ".");
  return number.units < 0 ? "-" + digits : digits;
}

bool less(const Target& target, const std::string& left, const std::string& right) {
  if (target.column.type == ColumnType::timestamp) return left < right;  // all of one length
  Number l = number_of(left), r = number_of(right);
  bring_to_one_scale(l, r);
  return l.units < r.units;
}

std::string combined(const Target& target, const std::string& cell, const std::string& operand) {
  switch (target.combining) {
    case Operation::add: {
      Number sum = number_of(cell), addend = number_of(operand);
      bring_to_one_scale(sum, addend);
      sum.units += addend.units;
      return text_of(sum);
    }
    case Operation::min:
      return less(target, operand, cell) ? operand : cell;
    case Operation::max:
      return less(target, cell, operand) ? operand : cell;
    case Operation::append:
      return cell + "|" + operand;
    default:
      throw std::logic_error("no combining operation");
  }
}

void simulate(Cell& cell, const Assignment& assignment) {
  const Target& target = targets()[assignment.column];
  const Input& input = assignment.input;
  const bool has_value = input.kind != Kind::missing && input.kind != Kind::null;
  switch (assignment.operation) {
    case Operation::set:
      if (input.kind == Kind::null) cell = std::nullopt;
      if (has_value) cell = input.value;
      break;
    case Operation::init:
      if (has_value && !cell) cell = input.value;
      break;
    case Operation::add:
      cell = combined(target, cell.value_or("0"), has_value ? input.value : "0");
      break;
    case Operation::min:
    case Operation::max:
      if (has_value) cell = cell ? combined(target, *cell, input.value) : input.value;
      break;
    case Operation::append:
      if (input.kind != Kind::missing) cell = combined(target, cell.value_or("{}"), has_value ? input.value : "NULL");
      break;
  }
}

std::string elements_of(const List& list) {
  std::string text;
  for (const auto& element : list.appended) text += "|" + element.value_or("NULL");
  return text;
}

Cell cell_of(const ValueView& value) {
  if (value.is_null()) return std::nullopt;
  if (const List* list = value.list()) return list->base.value_or("{}") + elements_of(*list);
  return to_text(value);
}

void apply(Cells& cells, const ColumnChanges& changes) {
  for (const ColumnChange change : changes) {
    Cell& cell = cells[change.column];
    switch (change.action) {
      case ColumnChange::Action::replace:
        cell = cell_of(change.value);
        break;
      case ColumnChange::Action::init:
        if (!cell) cell = cell_of(change.value);
        break;
      case ColumnChange::Action::combine:
        if (!cell) {
          cell = cell_of(change.when_null());
        } else if (const List* list = change.value.list()) {
          if (list->base) throw std::logic_error("an operand of append with a base");
          *cell += elements_of(*list);
        } else {
          cell = combined(targets()[change.column], *cell, to_text(change.value));
        }
        break;
    }
  }
}

std::string described(const ColumnChanges& changes) {
  std::string text;
  for (const ColumnChange change : changes) {
    text += " " + std::to_string(change.column) +
            "irc"[change.action == ColumnChange::Action::replace ? 1
                  : change.action == ColumnChange::Action::init  ? 0
                                                                 : 2];
    text += "(" + cell_of(change.value).value_or("NULL");
    if (change.action == ColumnChange::Action::combine)
      text += " if null " + cell_of(change.when_null()).value_or("NULL");
    text += ")";
  }
  return text;
}

}  // namespace

const TableLayout& table() {
  static const TableLayout layout = [] {
    TableLayout result{"plain", {{"id", ColumnType::integer, 0, {}}}, {}, true};
    for (const Target& target : targets()) result.columns.push_back(target.column);
    return result;
  }();
  return layout;
}

std::vector<Step> random_steps(std::mt19937& random, std::size_t count) {
  std::vector<Step> steps(count);
  for (Step& step : steps) {
    const std::size_t kind = any_below(random, 10);
    step.kind = kind < 5 ? Step::Kind::upsert : kind < 8 ? Step::Kind::update : Step::Kind::remove;
    step.row = std::to_string(any_below(random, 3));
    if (step.kind == Step::Kind::remove) continue;
    for (std::size_t i = any_below(random, 5); i > 0; --i) {
      Assignment& assignment = step.assignments.emplace_back();
      assignment.column = any_below(random, targets().size());
      const Target& target = targets()[assignment.column];
      const std::array operations{Operation::set, Operation::init, target.combining, target.combining};
      assignment.operation = operations[any_below(random, operations.size())];
      assignment.input = target.inputs[any_below(random, target.inputs.size())];
      const std::size_t none = any_below(random, 6);
      if (none == 0) assignment.input = {Kind::null, "null", ""};
      if (none == 1) assignment.input = {Kind::missing, "", ""};
    }
  }
  return steps;
}

Cells random_cells(std::mt19937& random) {
  Cells cells;
  for (const Target& target : targets()) {
    const std::size_t choice = any_below(random, target.inputs.size() + 2);
    cells.push_back(choice < target.inputs.size() ? Cell(target.inputs[choice].value) : std::nullopt);
  }
  return cells;
}

Rows random_rows(std::mt19937& random) {
  Rows rows;
  for (const char* key : {"0", "1", "2"})
    if (any_below(random, 2) == 0) rows[key] = random_cells(random);
  return rows;
}

void simulate(Rows& rows, const Cells& defaults, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::remove) {
      rows.erase(step.row);
      continue;
    }
    if (!rows.contains(step.row)) {
      if (step.kind == Step::Kind::update) continue;
      rows[step.row] = defaults;
    }
    for (const Assignment& assignment : step.assignments) simulate(rows[step.row][assignment.column], assignment);
  }
}

ChangeSet fold(const std::vector<Step>& steps, std::size_t begin, std::size_t end) {
  ChangeSet set(table());
  for (std::size_t i = begin; i < end; ++i) {
    const Step& step = steps[i];
    const std::array key{Json{Kind::number, step.row}};
    Changes changes(table());
    if (step.kind == Step::Kind::remove) {
      changes.remove(key);
    } else {
      Changes::Row row = step.kind == Step::Kind::upsert ? changes.upsert(key) : changes.update(key);
      for (const Assignment& one : step.assignments)
        row.apply(one.operation, one.column, Json{one.input.kind, one.input.payload});
    }
    changes.move_into(set);
  }
  return set;
}

void apply(Rows& rows, const Cells& defaults, const ChangeSet& changes) {
  for (const ChangeSet::Row* row : changes.sorted()) {
    const std::string key = changes.key_text(*row, 0);
    const bool was_there = rows.contains(key);
    if (was_there && !row->change.removes) {
      apply(rows[key], row->change.present);
      continue;
    }
    rows.erase(key);
    if (!row->change.creates) continue;
    rows[key] = defaults;
    apply(rows[key], row->change.when_absent());
  }
}

std::string described(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    constexpr std::array names{"\nupsert ", "\nupdate ", "\nremove "};
    text += names[static_cast<std::size_t>(step.kind)] + step.row + ":";
    for (const Assignment& one : step.assignments)
      text += " " + std::string(name_of(one.operation)) + " " + targets()[one.column].column.name + " '" +
              one.input.payload + "'";
  }
  return text;
}

std::string described(const Rows& rows) {
  std::string text;
  for (const auto& [key, cells] : rows) {
    text += key + ":";
    for (const Cell& cell : cells) text += " " + cell.value_or("NULL") + ";";
    text += "\n";
  }
  return text;
}

std::string described(const ChangeSet& changes) {
  std::string text;
  for (const ChangeSet::Row* row : changes.sorted()) {
    const RowChange& change = row->change;
    text += changes.key_text(*row, 0) + ":";
    if (!change.removes) text += " if there" + described(change.present);
    if (change.removes) text += " removed";
    if (change.creates) text += " if not" + described(change.when_absent());
    text += "\n";
  }
  return text;
}

}  // namespace rebuild_projection::plain

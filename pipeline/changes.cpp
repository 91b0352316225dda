#include "pipeline/changes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "pipeline/column_error.h"
#include "pipeline/time_without_zone.h"
#include "pipeline/uuid.h"

/// From a value of a payload to a change of a column.
namespace rebuild_projection {
namespace {

using Action = ColumnChange::Action;
using Kind = ValueView::Kind;

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
  const auto moment = moment_of(json);
  if (!moment) throw wrong_value(column, "a timestamp", json);
  return *moment;
}

/// What one event does to one row's columns, being written.
class Writer {
 public:
  Writer(PendingChanges& pending, std::uint16_t column) : pending_(pending) { one_.column = column; }

  void text(Action action, Kind kind, std::string_view text) {
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("a text of more than 4 GiB");
    one_.size = static_cast<std::uint32_t>(text.size());
    one_.number = static_cast<std::int64_t>(pending_.texts.size() - pending_.rows.back().text);
    pending_.texts += text;
    write(action, kind);
  }
  void number(Action action, std::int64_t coefficient, int scale) {
    one_.size = static_cast<std::uint32_t>(scale);
    one_.number = coefficient;
    write(action, Kind::number);
  }
  void number(Action action, const Decimal& number) {
    if (const auto coefficient = number.small_coefficient())
      this->number(action, *coefficient, number.scale());
    else
      text(action, Kind::digits, number.to_text());
  }
  void moment(Action action, Timestamp moment) {
    one_.number = moment.microseconds;
    write(action, Kind::moment);
  }
  void null(Action action) { write(action, Kind::null); }
  /// A NULL that is appended.
  void no_value() { text(Action::combine, Kind::no_value, {}); }

  void text(Action action, Kind kind, const Column& column, const Json& json) {
    if (column.without_zone == TimeWithoutZone::none || json.kind != Json::Kind::string)
      return text(action, kind, json.text);
    const auto in_utc = without_zone(column, json.text);
    text(action, kind, in_utc ? std::string_view(*in_utc) : json.text);
  }

  /// `json` as the column holds it: as what its combining operation works on, or as text.
  void value(Action action, const Column& column, const Json& json) {
    const std::optional<Operation> combining = column.operations.combining();
    if (!combining)
      plain(action, column, json);
    else if (*combining == Operation::append)
      text(action, Kind::base, column, json);
    else if (column.type == ColumnType::timestamp)
      moment(action, to_timestamp(column, json));
    else
      number(action, to_decimal(column, json));
  }

 private:
  void write(Action action, Kind kind) {
    one_.action = action;
    one_.kind = kind;
    pending_.operations.push_back(one_);
    ++pending_.rows.back().operations;
  }

  /// For a column that is only set or initialised.
  void plain(Action action, const Column& column, const Json& json) {
    if (json.kind == Json::Kind::moment) return moment(action, Timestamp::of_bytes(json.text));
    if (json.kind == Json::Kind::uuid) {
      std::array<char, printed_uuid_size> printed;
      print_uuid(json.text.data(), printed.data());
      return text(action, Kind::text, {printed.data(), printed.size()});
    }
    if (column.type == ColumnType::timestamp) {
      const bool keeps_zone = column.without_zone == TimeWithoutZone::none;
      const auto read = keeps_zone ? Timestamp::parse_printed(json.text) : moment_of(json);
      if (read) return moment(action, *read);
    }
    if (column.type != ColumnType::integer || json.kind != Json::Kind::number)
      return text(action, Kind::text, column, json);
    std::int64_t whole = 0;
    const auto [end, error] = std::from_chars(json.text.data(), json.text.data() + json.text.size(), whole);
    if (error == std::errc() && end == json.text.data() + json.text.size()) return number(action, whole, 0);
    number(action, to_decimal(column, json));
  }

  PendingChanges& pending_;
  PendingChanges::Operation one_;
};

constexpr std::size_t usual_key_parts = 4;  // more of them take an allocation

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

}  // namespace

Changes::Row& Changes::Row::apply(Operation operation, std::size_t column, const Json& json) {
  const Column& target = changes_->table_->columns.at(column);
  check_declared(target, operation);
  if (json.kind == Json::Kind::invalid) throw unreadable_value(target, json);
  const bool missing = json.kind == Json::Kind::missing;
  const bool absent = missing || json.kind == Json::Kind::null;
  Writer writer(changes_->pending_, static_cast<std::uint16_t>(column));
  switch (operation) {
    case Operation::set:
      if (missing) break;
      if (absent)
        writer.null(Action::replace);
      else
        writer.value(Action::replace, target, json);
      break;
    case Operation::init:
      if (!absent) writer.value(Action::init, target, json);
      break;
    case Operation::add:
      if (absent)
        writer.number(Action::combine, 0, 0);
      else
        writer.value(Action::combine, target, json);
      break;
    case Operation::min:
    case Operation::max:
      if (!absent) writer.value(Action::combine, target, json);
      break;
    case Operation::append:
      if (missing) break;
      if (absent)
        writer.no_value();
      else
        writer.text(Action::combine, Kind::element, target, json);
      break;
  }
  return *this;
}

Changes::Row& Changes::Row::apply(Operation operation, std::string_view column, const Operand& value) {
  const auto index = changes_->table_->column_index(column);
  if (!index)
    throw std::logic_error("the projector writes column \"" + std::string(column) + "\" and does not declare it");
  return apply(operation, *index, value.json());
}

void Changes::begin(PendingChanges::Row::Kind kind, std::span<const Json> key) {
  PendingChanges::Row row;
  row.kind = kind;
  row.text = pending_.texts.size();
  row.first_operation = pending_.operations.size();
  spelling_.clear();
  try {
    append_key(*table_, key, pending_.texts, spelling_);
  } catch (...) {
    pending_.texts.resize(row.text);  // a projector may catch it and go on
    throw;
  }
  row.key_size = static_cast<std::uint32_t>(pending_.texts.size() - row.text);
  row.spelling_size = static_cast<std::uint32_t>(spelling_.size());
  pending_.texts += spelling_;
  pending_.rows.push_back(row);
}

void Changes::begin(PendingChanges::Row::Kind kind, std::initializer_list<Operand> key) {
  if (key.size() > usual_key_parts) return begin(kind, to_parts(key));
  std::array<Json, usual_key_parts> parts;
  std::transform(key.begin(), key.end(), parts.begin(), [](const Operand& part) { return part.json(); });
  begin(kind, std::span<const Json>(parts).first(key.size()));
}

Changes::Row Changes::upsert(std::span<const Json> key) {
  begin(PendingChanges::Row::Kind::upsert, key);
  return Row(*this);
}

Changes::Row Changes::upsert(std::initializer_list<Operand> key) {
  begin(PendingChanges::Row::Kind::upsert, key);
  return Row(*this);
}

Changes::Row Changes::update(std::span<const Json> key) {
  if (!table_->updates) throw std::logic_error("the projector does not declare that it updates existing rows");
  begin(PendingChanges::Row::Kind::update, key);
  return Row(*this);
}

Changes::Row Changes::update(std::initializer_list<Operand> key) {
  if (!table_->updates) throw std::logic_error("the projector does not declare that it updates existing rows");
  begin(PendingChanges::Row::Kind::update, key);
  return Row(*this);
}

void Changes::remove(std::span<const Json> key) {
  begin(PendingChanges::Row::Kind::remove, key);
}

void Changes::remove(std::initializer_list<Operand> key) {
  begin(PendingChanges::Row::Kind::remove, key);
}

}  // namespace rebuild_projection

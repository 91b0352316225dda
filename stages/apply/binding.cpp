#include "stages/apply/binding.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/decimal.h"
#include "stages/apply/column_checks.h"
#include "stages/apply/column_type.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

/// Whether `source` can give a number at all.
bool may_be_number(const ValueSource& source) {
  if (source.kind != ValueSource::Kind::attribute) return source.written != "@payload";
  return source.attribute == Attribute::event_id || source.attribute == Attribute::stream_id ||
         source.attribute == Attribute::position;
}

/// The rules of a file against its table.
class FileBinder {
 public:
  FileBinder(const ProjectionFile::Content& content, const CatalogueTable& table, Mistakes& mistakes)
      : content_(content),
        table_(table),
        mistakes_(mistakes),
        checks_(content.table, table, [&](int line, std::string text) { mistakes.add(line, std::move(text)); }) {}

  TableLayout bind() {
    layout_.name = content_.table;
    layout_.key = checks_.bind_key(content_.key, content_.key_line);
    for (const Rule& rule : content_.rules) {
      layout_.updates = layout_.updates || rule.rows == Rule::Rows::update;
      check_key_values(rule);
      for (const Assignment& assignment : rule.assignments) bind_assignment(assignment);
    }
    for (const Rule& rule : content_.rules)
      for (const Assignment& assignment : rule.assignments) check_beside_combining(assignment);
    for (const CatalogueColumn& column : table_.columns)
      if (const auto used = operations_.find(column.name); used != operations_.end())
        layout_.columns.push_back(
            {column.name, column_type(column), scale_of(column), used->second, time_without_zone(column)});
    return std::move(layout_);
  }

 private:
  void check_key_values(const Rule& rule) {
    for (const KeyPart& part : rule.key) {
      const CatalogueColumn* column = table_.find(part.column);
      if (column == nullptr) continue;  // said once, at the projection's key
      if (column_type(*column) == ColumnType::timestamp && !part.value.is_timestamp())
        mistakes_.add(part.line,
                      "the key column " + in_quotes(part.column) + " is a timestamp and can only come from \"@ts\"");
      else
        check_value(*column, part.value, Operation::set);
    }
  }

  void bind_assignment(const Assignment& assignment) {
    const CatalogueColumn* column = checks_.find(assignment.column, assignment.line);
    if (column == nullptr) return;
    const Operation operation = assignment.operation;
    operations_[column->name] |= operation;
    if (!checks_.check_operation(*column, operation, assignment.line)) return;
    check_value(*column, assignment.value, operation);
  }

  void check_value(const CatalogueColumn& column, const ValueSource& value, Operation operation) {
    const ColumnType type = column_type(column);
    if (value.kind == ValueSource::Kind::constant) check_constant(column, value.constant, value.line, operation);
    if (value.fallback) check_constant(column, *value.fallback, value.line, operation);
    const bool takes_times = type == ColumnType::text || type == ColumnType::timestamp || type == ColumnType::array ||
                             type == ColumnType::other;
    if (value.is_timestamp() && !takes_times)
      mistakes_.add(value.line, "\"@ts\" is a time and cannot be written to the column " + in_quotes(column.name) +
                                    " of type " + column.type);
  }

  void check_constant(const CatalogueColumn& column, const Constant& constant, int line, Operation operation) {
    // The elements of an array have a type that this program does not look at.
    if (operation == Operation::append) return;
    if (auto problem = constant_problem(column, constant)) mistakes_.add(line, *problem);
  }

  /// What a column is set to becomes the base of its add, min or max in any rule, so it must be what these work on.
  /// Moments are compared by this program, which reads the form of the store's timestamps only.
  void check_beside_combining(const Assignment& assignment) {
    const CatalogueColumn* column = table_.find(assignment.column);
    const auto used = operations_.find(assignment.column);
    if (column == nullptr || used == operations_.end()) return;
    const auto combining = used->second.combining();
    if (!combining || *combining == Operation::append || operation_problem(*column, *combining)) return;
    const std::string name(name_of(*combining));
    const ValueSource& value = assignment.value;
    if (column_type(*column) == ColumnType::timestamp) {
      if (value.is_timestamp()) return;
      mistakes_.add(assignment.line,
                    assignment.operation == *combining
                        ? name + " on the timestamp column " + in_quotes(column->name) + " can only take \"@ts\""
                        : "the timestamp column " + in_quotes(column->name) + " stands under " + name +
                              " too, so every rule must take it from \"@ts\"");
      return;
    }
    // What no rule could write to such a column was said by check_value() already.
    const auto is_fit = [&](const Constant& constant) {
      return Decimal::parse(constant.text).has_value() || constant_problem(*column, constant).has_value();
    };
    const bool is_constant = value.kind == ValueSource::Kind::constant;
    if (value.is_timestamp() || (may_be_number(value) && (!is_constant || is_fit(value.constant)) &&
                                 (!value.fallback || is_fit(*value.fallback))))
      return;
    mistakes_.add(value.line, "the column " + in_quotes(column->name) + " stands under " + name +
                                  ", so every rule can write only numbers to it");
  }

  const ProjectionFile::Content& content_;
  const CatalogueTable& table_;
  Mistakes& mistakes_;
  ColumnChecks checks_;
  TableLayout layout_;
  std::map<std::string, Operations> operations_;
};

}  // namespace

TableLayout bind_to_table(const ProjectionFile::Content& content, const CatalogueTable& table, Mistakes& mistakes) {
  return FileBinder(content, table, mistakes).bind();
}

}  // namespace rebuild_projection

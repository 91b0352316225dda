#include "stages/commit/merge_rows.h"

#include <algorithm>
#include <utility>

#include "stages/commit/any_change.h"

namespace rebuild_projection {

namespace {

ArraySource source_of(const TargetTable& table) {
  ArraySource source;
  for (std::size_t part = 0; part < table.key.size(); ++part) source.add(array_name('k', part));
  source.add("branch");
  for (std::size_t column = 0; column < table.columns.size(); ++column)
    AnyChanges::add_column(source, table.columns[column], column);
  if (!table.columns.empty()) AnyChanges::add_actions(source);
  return source;
}

}  // namespace

MergeRows::MergeRows(const TargetTable& table) : table_(table), source_(source_of(table)), arrays_(source_.size()) {}

std::string MergeRows::sql(const ArraySource& arrays) const {
  std::string insert_columns;
  std::string insert_values;
  std::string updates;
  for (std::size_t part = 0; part < table_.key.size(); ++part) {
    insert_columns += (part == 0 ? "" : ", ") + quote_name(table_.key[part]->name);
    insert_values += (part == 0 ? "" : ", ") + source('k', part) + "::" + table_.key[part]->base_type;
  }
  for (std::size_t column = 0; column < table_.columns.size(); ++column) {
    const TargetTable::Target& target = table_.columns[column];
    const std::string name = quote_name(target.column->name);
    const std::string initial = initial_sql(*target.catalogue);
    insert_columns += ", " + name;
    insert_values += ", " + any_change_sql(target, column, column, initial);
    updates += (updates.empty() ? "" : ", ") + name + " = " + any_change_sql(target, column, column, "t." + name);
  }
  return "MERGE INTO " + table_.name + " AS t USING " + arrays.sql() + " ON " + table_.key_condition() +
         (updates.empty() ? "" : " WHEN MATCHED AND d.branch <> 'a' THEN UPDATE SET " + updates) +
         " WHEN NOT MATCHED AND d.branch <> 'p' THEN INSERT (" + insert_columns + ")" +
         (std::any_of(table_.key.begin(), table_.key.end(),
                      [](const CatalogueColumn* part) { return part->identity_always; })
              ? " OVERRIDING SYSTEM VALUE"
              : "") +
         " VALUES (" + insert_values + ")";
}

void MergeRows::prepare(Session& session, const std::string& name) {
  name_ = name;
  session.prepare(name_, sql(source_));
}

void MergeRows::add(Session& session, const ChangeSet& changes, const ChangeSet::Row& row, Branch branch) {
  arrays_.key(changes, row);
  const char letter = static_cast<char>(branch);
  arrays_.text({&letter, 1});
  const ColumnChanges& columns = branch == Branch::absent ? row.change.when_absent() : row.change.present;
  AnyChanges any;
  std::size_t column = 0;
  for (const ColumnChange change : columns) {
    for (; column < change.column; ++column) any.encode_column(arrays_, table_.columns[column], nullptr);
    any.encode_column(arrays_, table_.columns[column++], &change);
  }
  for (; column < table_.columns.size(); ++column) any.encode_column(arrays_, table_.columns[column], nullptr);
  if (column > 0) any.encode_actions(arrays_);
  arrays_.row_done();
  if (arrays_.full()) execute(session);
}

void MergeRows::execute(Session& session) {
  affected_ += session.execute_prepared(name_, arrays_.take()).affected();
}

std::uint64_t MergeRows::finish(Session& session) {
  if (!arrays_.empty()) execute(session);
  return std::exchange(affected_, 0);
}

void MergeRows::discard() {
  arrays_.take();
  affected_ = 0;
}

}  // namespace rebuild_projection

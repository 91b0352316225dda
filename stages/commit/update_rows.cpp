#include "stages/commit/update_rows.h"

#include <algorithm>

#include "stages/commit/any_change.h"
#include "stages/commit/value_text.h"

namespace rebuild_projection {

namespace {

/// Prepared statements take memory of the server's; beyond these, one that can do anything serves.
constexpr std::size_t statements_max = 32;

}  // namespace

void UpdateRows::prepare(const std::string& name) {
  prefix_ = name;
  statements_.clear();
}

UpdateRows::Ways UpdateRows::ways_of(const std::vector<const ChangeSet::Row*>& rows) const {
  Ways ways(table_.columns.size(), Way::nothing);
  std::vector<std::size_t> changed(ways.size());
  std::vector<bool> nulls(ways.size());
  for (const ChangeSet::Row* row : rows) {
    for (const ColumnChange change : row->change.present) {
      Way way = Way::any;
      if (!table_.columns[change.column].appends) {
        if (change.action == ColumnChange::Action::replace)
          way = Way::replace;
        else if (change.action == ColumnChange::Action::init)
          way = Way::init;
        else if (same_when_null(change))
          way = Way::combine;
      }
      Way& all = ways[change.column];
      all = all == Way::nothing || all == way ? way : Way::any;
      ++changed[change.column];
      if (change.value.is_null()) nulls[change.column] = true;
    }
  }
  for (std::size_t column = 0; column < ways.size(); ++column) {
    if (ways[column] == Way::nothing || ways[column] == Way::any || changed[column] == rows.size()) continue;
    // NULL in the array will keep the column.
    if (nulls[column])
      ways[column] = Way::any;
    else if (ways[column] == Way::replace)
      ways[column] = Way::replace_or_keep;
  }
  return ways;
}

ArraySource UpdateRows::source_of(const Ways& ways) const {
  ArraySource source;
  for (std::size_t part = 0; part < table_.key.size(); ++part) source.add(array_name('k', part));
  for (std::size_t column = 0; column < ways.size(); ++column) {
    if (ways[column] == Way::any)
      AnyChanges::add_column(source, table_.columns[column], column);
    else if (ways[column] != Way::nothing)
      source.add(array_name('v', column));
  }
  if (std::ranges::count(ways, Way::any) > 0) AnyChanges::add_actions(source);
  return source;
}

std::string UpdateRows::sql(const Ways& ways) const {
  std::string updates;
  std::size_t any = 0;
  for (std::size_t column = 0; column < ways.size(); ++column) {
    const TargetTable::Target& target = table_.columns[column];
    const std::string name = quote_name(target.column->name);
    const std::string current = "t." + name;
    const std::string value = source('v', column) + "::" + target.catalogue->base_type;
    std::string result;
    switch (ways[column]) {
      case Way::nothing:
        continue;
      case Way::replace:
        result = value;
        break;
      case Way::replace_or_keep:
        result = "coalesce(" + value + ", " + current + ")";
        break;
      case Way::init:
        result = "coalesce(" + current + ", " + value + ")";
        break;
      case Way::combine:
        result = "CASE WHEN " + source('v', column) + " IS NULL THEN " + current + " WHEN " + current +
                 " IS NULL THEN " + value + " ELSE " + combined_sql(target, column, current) + " END";
        break;
      case Way::any:
        result = any_change_sql(target, column, any++, current);
        break;
    }
    updates += (updates.empty() ? "" : ", ") + name + " = " + result;
  }
  return "UPDATE " + table_.name + " AS t SET " + updates + " FROM " + source_of(ways).sql() + " WHERE " +
         table_.key_condition();
}

const std::string& UpdateRows::statement(Session& session, Ways& ways) {
  if (const auto at = statements_.find(ways); at != statements_.end()) return at->second;
  if (statements_.size() >= statements_max) {
    ways.assign(ways.size(), Way::any);
    if (const auto at = statements_.find(ways); at != statements_.end()) return at->second;
  }
  std::string name = prefix_ + "_" + std::to_string(statements_.size());
  session.prepare(name, sql(ways));
  return statements_.emplace(ways, std::move(name)).first->second;
}

void UpdateRows::encode(StatementArrays& arrays, const Ways& ways, const ColumnChanges& changes) const {
  AnyChanges any;
  const auto encode_column = [&](std::size_t column, const ColumnChange* change) {
    if (ways[column] == Way::any)
      any.encode_column(arrays, table_.columns[column], change);
    else if (ways[column] == Way::nothing)
      return;
    else if (change == nullptr)
      arrays.null();
    else
      arrays.value(change->value);
  };
  std::size_t column = 0;
  for (const ColumnChange change : changes) {
    for (; column < change.column; ++column) encode_column(column, nullptr);
    encode_column(column++, &change);
  }
  for (; column < ways.size(); ++column) encode_column(column, nullptr);
  if (std::ranges::count(ways, Way::any) > 0) any.encode_actions(arrays);
}

std::uint64_t UpdateRows::write(Session& session, const ChangeSet& changes,
                                const std::vector<const ChangeSet::Row*>& rows) {
  if (rows.empty()) return 0;
  Ways ways = ways_of(rows);
  const std::string& name = statement(session, ways);
  StatementArrays arrays(source_of(ways).size());
  std::uint64_t affected = 0;
  const auto execute = [&] { affected += session.execute_prepared(name, arrays.take()).affected(); };
  for (const ChangeSet::Row* row : rows) {
    arrays.key(changes, *row);
    encode(arrays, ways, row->change.present);
    arrays.row_done();
    if (arrays.full()) execute();
  }
  if (!arrays.empty()) execute();
  return affected;
}

}  // namespace rebuild_projection

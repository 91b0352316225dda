#include "stages/commit/target_checks.h"

#include <algorithm>

#include "pipeline/joined.h"
#include "stages/postgres/quoting.h"

namespace rebuild_projection {

namespace {

std::string kind_name(char kind) {
  switch (kind) {
    case 'v':
      return "a view";
    case 'm':
      return "a materialized view";
    case 'f':
      return "a foreign table";
    case 'S':
      return "a sequence";
    default:
      return "not a table";
  }
}

std::string missing_grants(const TargetUse& use) {
  std::string grants;
  auto need = [&](bool granted, const char* right) {
    if (!granted) grants += (grants.empty() ? "" : ", ") + std::string(right);
  };
  need(use.table->can_select, "SELECT");
  need(use.table->can_insert, "INSERT");
  need(use.table->can_update, "UPDATE");
  need(use.table->can_delete, "DELETE");
  if (use.truncate) need(use.table->can_truncate, "TRUNCATE");
  return grants;
}

std::string triggers_of(const CatalogueTable& table) {
  std::vector<std::string> triggers;
  std::vector<std::string> statements;
  for (const CatalogueTrigger& trigger : table.triggers) {
    triggers.push_back(trigger.name + (trigger.is_of_part ? " of its part " + trigger.table : ""));
    std::string disable = "ALTER TABLE " + trigger.table + " DISABLE TRIGGER USER;";
    if (std::ranges::find(statements, disable) == statements.end()) statements.push_back(std::move(disable));
  }
  return "has triggers (" + joined(triggers) +
         "), which would fire for every rebuilt row; disable them first: " + joined(statements, " ");
}

std::string hidden_rows(const TargetUse& use) {
  return use.table->schema + "." + use.table->name + " has row-level security that would hide rows from role " +
         use.role + "; run as a role with BYPASSRLS";
}

}  // namespace

std::vector<std::string> check_target(const TargetUse& use) {
  const CatalogueTable& table = *use.table;
  const std::string name = table.schema + "." + table.name;
  std::vector<std::string> mistakes;
  auto mistake = [&](const std::string& sentence) { mistakes.push_back(use.where + sentence); };

  if (table.kind != 'r' && table.kind != 'p') {
    mistake(name + " is " + kind_name(table.kind) + "; a projection needs a table");
    return mistakes;
  }
  if (use.reads_only) {
    if (table.row_security) mistake(hidden_rows(use));
    if (!table.can_select)
      mistake("role " + use.role + " may not read " + name + "; its owner (" + table.owner +
              ") must run: GRANT SELECT ON " + quote_name(table.schema, table.name) + " TO " + quote_name(use.role) +
              ";");
    return mistakes;
  }
  if (std::find(use.store_relations.begin(), use.store_relations.end(), table.oid) != use.store_relations.end())
    mistake(name + " belongs to the event store, which is never written to");
  for (std::uint32_t referred : table.outgoing_foreign_keys)
    if (std::find(use.store_relations.begin(), use.store_relations.end(), referred) != use.store_relations.end())
      mistake(name + " has a foreign key to the event store, whose rows every insert would lock; drop the foreign key");
  if (!use.publishes && !table.incoming_foreign_keys.empty())
    mistake(name + " is referred to by foreign keys (" + joined(table.incoming_foreign_keys) +
            "), so its rows cannot be cleared in place; use --strategy shadow, or drop them first");
  if (!table.triggers.empty()) mistake(name + " " + triggers_of(table));
  if (!table.rules.empty()) mistake(name + " has rewrite rules (" + joined(table.rules) + "); drop them first");
  if (table.has_children)
    mistake(name + " has inheriting tables, whose rows would be cleared too; use a plain or partitioned table");
  if (!table.foreign_parts.empty())
    mistake(name + " has parts on other servers (" + joined(table.foreign_parts) +
            "), where rows are not committed together with the checkpoint; detach them first");
  if (!table.without_identity.empty()) {
    std::vector<std::string> statements;
    for (const std::string& part : table.without_identity)
      statements.push_back("ALTER TABLE " + part + " REPLICA IDENTITY FULL;");
    mistake(name + " is in a publication and has no replica identity, so its rows cannot be changed; run: " +
            joined(statements, " "));
  }
  if (table.row_security) mistake(hidden_rows(use));
  if (const std::string grants = missing_grants(use); !grants.empty())
    mistake("role " + use.role + " may not change " + name + "; its owner (" + table.owner + ") must run: GRANT " +
            grants + " ON " + quote_name(table.schema, table.name) + " TO " + quote_name(use.role) + ";");
  return mistakes;
}

std::string width_problem(const TableLayout& layout) {
  // As in MergeRows: the keys, which branch, and what happens to which column.
  std::size_t arrays = layout.key.size() + 2;
  for (const Column& column : layout.columns) {
    const auto combining = column.operations.combining();
    arrays += !combining ? 1 : *combining == Operation::append ? 4 : 2;
  }
  if (arrays <= row_columns_max) return "";
  return "writes " + std::to_string(layout.columns.size()) + " columns, for which a statement needs " +
         std::to_string(arrays) + " arrays, and the server takes " + std::to_string(row_columns_max) +
         "; a column under add, min or max takes two, one under append four: write fewer";
}

}  // namespace rebuild_projection

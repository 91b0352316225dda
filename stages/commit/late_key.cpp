#include "stages/commit/late_key.h"

#include <algorithm>
#include <set>

namespace rebuild_projection {

namespace {

bool is_key(const TableLayout& layout, const CatalogueIndex& index) {
  std::set<std::string> key;
  for (const Column& column : layout.key) key.insert(column.name);
  return index.unique && index.is_plain() && index.is_of(key);
}

}  // namespace

void drop_key(Session& session, const TableLayout& layout, CatalogueTable& table) {
  const std::string name = quote_name(table.schema, table.name);
  std::erase_if(table.indexes, [&](const CatalogueIndex& index) {
    if (!is_key(layout, index)) return false;
    const bool of_constraint =
        session
            .execute("SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = $1::oid AND conname = $2)",
                     {std::to_string(table.oid), index.name})
            .boolean(0, 0);
    session.execute(of_constraint ? "ALTER TABLE " + name + " DROP CONSTRAINT " + quote_name(index.name)
                                  : "DROP INDEX " + quote_name(table.schema, index.name));
    return true;
  });
}

LateKey::LateKey(const TableLayout& layout, const CatalogueTable& table)
    : committed_(
          std::ranges::any_of(table.indexes, [&](const CatalogueIndex& index) { return is_key(layout, index); })),
      there_(committed_) {
  std::string columns;
  for (const Column& column : layout.key) columns += (columns.empty() ? "" : ", ") + quote_name(column.name);
  create_ = "CREATE UNIQUE INDEX ON " + quote_name(table.schema, table.name) + " (" + columns + ")";
}

void LateKey::need(Session& session) {
  if (there_) return;
  session.execute(create_);
  there_ = true;
}

}  // namespace rebuild_projection

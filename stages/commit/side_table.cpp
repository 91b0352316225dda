#include "stages/commit/side_table.h"

#include <algorithm>
#include <vector>

#include "pipeline/error.h"
#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

bool is_written(const TableLayout& layout, const std::string& column) {
  return layout.column_index(column) || std::ranges::find(layout.key, column, &Column::name) != layout.key.end();
}

namespace {

/// Constraints and indexes of a column go with it (https://www.postgresql.org/docs/current/sql-altertable.html).
void drop_other_columns(Session& session, const CatalogueTable& live, const TableLayout& layout,
                        const std::string& name) {
  std::string drops;
  for (const CatalogueColumn& column : live.columns)
    if (!is_written(layout, column.name))
      drops += (drops.empty() ? "" : ", ") + std::string("DROP COLUMN ") + quote_name(column.name);
  if (!drops.empty()) session.execute("ALTER TABLE " + name + " " + drops);
}

/// Those that keep nothing out.
void drop_plain_indexes(Session& session, const std::string& name) {
  const Rows rows = session.execute(
      "SELECT n.nspname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
      " JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE i.indrelid = $1::regclass AND NOT i.indisunique AND NOT i.indisexclusion",
      {name});
  for (std::size_t row = 0; row < rows.size(); ++row)
    session.execute("DROP INDEX " + quote_name(rows.text(row, 0), rows.text(row, 1)));
}

}  // namespace

CatalogueTable make_side_table(Session& session, const CatalogueTable& live, const TableLayout& layout,
                               const std::string& schema, const std::string& name, SideTable kind) {
  const std::string quoted = quote_name(schema, name), original = quote_name(live.schema, live.name);
  // Identity and generated columns become plain ones.
  session.execute((kind == SideTable::unlogged ? "CREATE UNLOGGED TABLE " : "CREATE TABLE ") + quoted + " (LIKE " +
                  original +
                  " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE"
                  " INCLUDING COMPRESSION)");
  drop_other_columns(session, live, layout, quoted);
  drop_plain_indexes(session, quoted);
  session.execute("COMMENT ON TABLE " + quoted + " IS " + literal("made by rebuild_projection beside " + original));
  const Rows oid = session.execute("SELECT $1::regclass::oid", {quoted});
  return read_table(session, static_cast<std::uint32_t>(oid.number(0, 0))).value();
}

std::string side_table_mistake(const CatalogueTable& live, const TableLayout& layout, const CatalogueTable& side) {
  for (const auto* columns : {&layout.key, &layout.columns})
    for (const Column& column : *columns) {
      const CatalogueColumn* now = live.find(column.name);
      const CatalogueColumn* then = side.find(column.name);
      if (then == nullptr || now == nullptr) return "its column " + column.name + " was added or dropped since";
      if (now->type != then->type) return "its column " + column.name + " was " + then->type + " and is " + now->type;
      const bool in_key = columns == &layout.key;
      if (!in_key && now->not_null != then->not_null)
        return "its column " + column.name + (now->not_null ? " may no longer be NULL" : " may be NULL now");
    }
  return "";
}

}  // namespace rebuild_projection

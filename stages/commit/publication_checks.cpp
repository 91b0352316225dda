#include "stages/commit/publication_checks.h"

#include <algorithm>

#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

namespace {

bool is_in(const std::vector<Column>& columns, const std::string& name) {
  return std::ranges::find(columns, name, &Column::name) != columns.end();
}

bool is_written(const TableLayout& layout, const std::string& name) {
  return is_in(layout.key, name) || is_in(layout.columns, name);
}

/// A foreign key to the table: its name and table, whether deleting a row or changing what it refers to would act on
/// the rows there, and the columns there.
struct IncomingKey {
  std::string words;
  std::uint32_t from = 0;
  bool acts_on_delete = false, acts_on_update = false;
  std::vector<std::string> columns = {}, referred = {};
};

std::vector<IncomingKey> incoming_keys(Session& session, const CatalogueTable& live) {
  // 'a' NO ACTION, 'r' RESTRICT
  const Rows rows = session.execute(
      "SELECT c.oid, c.conname || ' of table ' || c.conrelid::regclass, c.conrelid, c.confdeltype NOT IN ('a', 'r'),"
      " c.confupdtype NOT IN ('a', 'r'), f.attname, t.attname FROM pg_constraint c"
      " CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k(here, there)"
      " JOIN pg_attribute f ON f.attrelid = c.conrelid AND f.attnum = k.here"
      " JOIN pg_attribute t ON t.attrelid = c.confrelid AND t.attnum = k.there"
      " WHERE c.contype = 'f' AND c.confrelid = ANY ($1::oid[]) AND NOT EXISTS (SELECT FROM pg_constraint above WHERE"
      "  above.oid = c.conparentid AND above.confrelid = ANY ($1::oid[])) ORDER BY c.conname, c.oid",
      {tree_of(live)});
  std::vector<IncomingKey> result;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row == 0 || rows.text(row, 0) != rows.text(row - 1, 0))
      result.push_back({.words = std::string(rows.text(row, 1)),
                        .from = static_cast<std::uint32_t>(rows.number(row, 2)),
                        .acts_on_delete = rows.boolean(row, 3),
                        .acts_on_update = rows.boolean(row, 4)});
    result.back().columns.emplace_back(rows.text(row, 5));
    result.back().referred.emplace_back(rows.text(row, 6));
  }
  return result;
}

/// Whether publishing writes the foreign key's columns too, in the same statement: at its end no row refers to one that
/// is gone, so there is nothing to act on.
bool is_published_too(const IncomingKey& key, const std::vector<PublishedTable>& all) {
  const auto from = std::ranges::find_if(
      all, [&](const auto& one) { return std::ranges::find(one.live->tree, key.from) != one.live->tree.end(); });
  return from != all.end() &&
         std::ranges::all_of(key.columns, [&](const auto& column) { return is_written(*from->layout, column); });
}

}  // namespace

std::vector<std::string> publish_mistakes(Session& session, const PublishedTable& table,
                                          const std::vector<PublishedTable>& all,
                                          const std::vector<std::uint32_t>& store_relations, const std::string& where) {
  std::vector<std::string> mistakes;
  const CatalogueTable& live = *table.live;
  const std::string name = live.schema + "." + live.name;
  for (const CatalogueColumn& column : live.columns)
    if (column.not_null && !column.generated && !column.default_expression && !column.identity &&
        !is_written(*table.layout, column.name))
      mistakes.push_back(where + name + " has the column " + column.name +
                         ", which may not be NULL, has no default, and is not written by the projection, so no new row "
                         "could be published; give it a default");
  for (const IncomingKey& key : incoming_keys(session, live)) {
    if (std::ranges::find(store_relations, key.from) != store_relations.end()) {
      mistakes.push_back(where + name + " is referred to by the foreign key " + key.words +
                         ", which belongs to the event store and whose rows publishing would lock; drop the foreign "
                         "key");
      continue;
    }
    const bool of_key =
        std::ranges::all_of(key.referred, [&](const auto& column) { return is_in(table.layout->key, column); });
    const bool deletes = key.acts_on_delete && !is_published_too(key, all);
    if (deletes || (key.acts_on_update && !of_key))
      mistakes.push_back(where + name + " is referred to by the foreign key " + key.words +
                         ", which would change or delete the rows there when publishing " +
                         (deletes ? "deletes rows here; make it NO ACTION, or rebuild both tables together"
                                  : "changes rows here; make it ON UPDATE NO ACTION"));
  }
  return mistakes;
}

}  // namespace rebuild_projection

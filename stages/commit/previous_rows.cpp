#include "stages/commit/previous_rows.h"

#include "pipeline/error.h"
#include "stages/commit/checkpoint_tables.h"

namespace rebuild_projection {

namespace {

std::string rows_table(const std::string& schema, const CatalogueTable& live) {
  return quote_name(schema, "previous_" + std::to_string(live.oid));
}

std::string publications_table(const std::string& schema) {
  return quote_name(schema, "rebuild_previous");
}

std::string live_name(const CatalogueTable& live) {
  return quote_name(live.schema, live.name);
}

bool exists(Session& session, const std::string& table) {
  return session.execute("SELECT to_regclass($1) IS NOT NULL", {table}).boolean(0, 0);
}

std::string key_name(std::size_t part) {
  return "k" + std::to_string(part + 1);
}

/// "l.id = p.k1 AND …"
std::string same_key(const TableLayout& layout) {
  std::string sql;
  for (std::size_t part = 0; part < layout.key.size(); ++part)
    sql += (part == 0 ? "l." : " AND l.") + quote_name(layout.key[part].name) + " = p." + key_name(part);
  return sql;
}

/// By which a row's text is read: another table cannot take it.
std::string columns_of(const CatalogueTable& live) {
  std::string text;
  for (const CatalogueColumn& column : live.columns) text += quote_name(column.name) + " " + column.type + ", ";
  return text;
}

UsageError cannot_undo(const CatalogueTable& live, const std::string& why) {
  return UsageError("publishing to " + live.schema + "." + live.name + " cannot be undone: " + why +
                    "; nothing was changed");
}

void refuse_undo(Session& session, const std::string& schema, const std::string& projection, const TableLayout& layout,
                 const CatalogueTable& live) {
  const std::string rows = rows_table(schema, live), publications = publications_table(schema);
  const std::string nothing =
      "nothing was kept for that; it is with --keep-previous, until the table is published again";
  if (!exists(session, rows) || !exists(session, publications)) throw cannot_undo(live, nothing);
  const Rows kept =
      session.execute("SELECT p.columns = $3, c.run IS NOT DISTINCT FROM p.run FROM " + publications +
                          " AS p LEFT JOIN " + quote_name(schema, name_of_checkpoints(Checkpoints::Of::live)) +
                          " AS c USING (projection_name) WHERE p.projection_name = $1 AND p.table_oid = "
                          "$2::bigint",
                      {projection, std::to_string(live.oid), columns_of(live)});
  if (kept.size() == 0) throw cannot_undo(live, nothing);
  if (!kept.boolean(0, 0)) throw cannot_undo(live, "its columns are others since");
  if (!kept.boolean(0, 1)) throw cannot_undo(live, "it was rebuilt again since");
  const std::uint64_t changed = session
                                    .execute("SELECT count(*) FROM " + rows + " AS p LEFT JOIN " + live_name(live) +
                                             " AS l ON " + same_key(layout) + " WHERE l::text IS DISTINCT FROM p.new")
                                    .number(0, 0);
  if (changed > 0)
    throw cannot_undo(
        live, std::to_string(changed) + " of the rows that it wrote were changed since, which undoing would lose");
}

/// What undoing will do to the rows.
Publication kept_rows(Session& session, const std::string& rows) {
  const Rows counts = session.execute(
      "SELECT count(*) FILTER (WHERE new IS NULL), count(*) FILTER (WHERE old IS NULL),"
      " count(old) FILTER (WHERE new IS NOT NULL) FROM " +
      rows);
  Publication undone;
  undone.inserted = counts.number(0, 0);
  undone.deleted = counts.number(0, 1);
  undone.updated = counts.number(0, 2);
  return undone;
}

/// Parts of a WITH that put a table's rows back; `number` tells them from those of other tables. The count takes all
/// that is deleted before the first row is inserted.
std::string put_back(const std::string& schema, const PublishedTable& table, std::size_t number) {
  const std::string live = live_name(*table.live), rows = rows_table(schema, *table.live), n = std::to_string(number);
  std::string names, values;
  for (const CatalogueColumn& column : table.live->columns) {
    if (column.generated) continue;
    names += (names.empty() ? "" : ", ") + quote_name(column.name);
    values += (values.empty() ? "(r.old)." : ", (r.old).") + quote_name(column.name);
  }
  return "gone_" + n + " AS (DELETE FROM " + live + " AS l USING " + rows + " AS p WHERE " + same_key(*table.layout) +
         " RETURNING 1), all_gone_" + n + " AS MATERIALIZED (SELECT count(*) FROM gone_" + n + "), back_" + n +
         " AS (INSERT INTO " + live + " (" + names + ") OVERRIDING SYSTEM VALUE SELECT " + values + " FROM all_gone_" +
         n + " CROSS JOIN (SELECT old::" + live + " AS old FROM " + rows + " WHERE old IS NOT NULL OFFSET 0) AS r)";
}

void put_checkpoint_back(Session& session, const std::string& schema, const std::string& projection) {
  const std::string checkpoints = quote_name(schema, name_of_checkpoints(Checkpoints::Of::live));
  session.execute("DELETE FROM " + checkpoints + " WHERE projection_name = $1", {projection});
  session.execute(
      "DELETE FROM " + quote_name(schema, name_of_dead_letters(Checkpoints::Of::live)) + " WHERE projection_name = $1",
      {projection});
  session.execute("INSERT INTO " + checkpoints + " SELECT (p.checkpoint::" + checkpoints + ").* FROM " +
                      publications_table(schema) + " AS p WHERE projection_name = $1 AND p.checkpoint IS NOT NULL",
                  {projection});
}

}  // namespace

void drop_previous_rows(Session& session, const std::string& schema, const CatalogueTable& live) {
  if (exists(session, rows_table(schema, live))) session.execute("DROP TABLE " + rows_table(schema, live));
  if (exists(session, publications_table(schema)))
    session.execute("DELETE FROM " + publications_table(schema) + " WHERE table_oid = $1::bigint",
                    {std::to_string(live.oid)});
}

void keep_previous_rows(Session& session, const std::string& schema, const std::string& projection,
                        const ShadowedTable& table) {
  const CatalogueTable& live = *table.live;
  std::string keys;
  for (std::size_t part = 0; part < table.layout->key.size(); ++part) {
    const std::string name = quote_name(table.layout->key[part].name);
    keys += "coalesce(l." + name + ", s." + name + ") AS " + key_name(part) + ", ";
  }
  session.execute("CREATE TABLE " + rows_table(schema, live) + " AS SELECT " + keys +
                  "l::text AS old, NULL::text AS new FROM " + table.difference + " AS d LEFT JOIN " + live_name(live) +
                  " AS l ON " + is_live_row + " LEFT JOIN " + quote_name(table.shadow->schema, table.shadow->name) +
                  " AS s ON s.ctid = d.shadow_at");
  const std::string publications = publications_table(schema);
  if (!exists(session, publications))
    session.execute("CREATE TABLE " + publications +
                    " (projection_name text PRIMARY KEY, table_oid bigint NOT NULL, columns text NOT NULL, run text,"
                    " checkpoint text, published_at timestamptz NOT NULL DEFAULT clock_timestamp())");
  session.execute("DELETE FROM " + publications + " WHERE projection_name = $1", {projection});
  session.execute("INSERT INTO " + publications +
                      " (projection_name, table_oid, columns, checkpoint) SELECT $1,"
                      " $2::bigint, $3, (SELECT c::text FROM " +
                      quote_name(schema, name_of_checkpoints(Checkpoints::Of::live)) +
                      " AS c WHERE projection_name = $1)",
                  {projection, std::to_string(live.oid), columns_of(live)});
}

void note_new_rows(Session& session, const std::string& schema, const std::string& projection,
                   const TableLayout& layout, const CatalogueTable& live) {
  session.execute("UPDATE " + rows_table(schema, live) + " AS p SET new = l::text FROM " + live_name(live) +
                  " AS l WHERE " + same_key(layout));
  session.execute("UPDATE " + publications_table(schema) + " AS p SET run = c.run FROM " +
                      quote_name(schema, name_of_checkpoints(Checkpoints::Of::live)) +
                      " AS c WHERE c.projection_name = p.projection_name AND p.projection_name = $1",
                  {projection});
}

std::vector<Publication> undo_publications(Session& session, const std::string& schema,
                                           const std::vector<PublishedTable>& tables) {
  std::vector<Publication> undone;
  std::string parts;
  for (const PublishedTable& table : tables) {
    refuse_undo(session, schema, table.projection, *table.layout, *table.live);
    undone.push_back(kept_rows(session, rows_table(schema, *table.live)));
    parts += (parts.empty() ? "" : ", ") + put_back(schema, table, undone.size());
  }
  // In one statement, at whose end foreign keys are checked: between the tables, and of others to their rows.
  session.execute("SET LOCAL work_mem = '64MB'; SET CONSTRAINTS ALL DEFERRED");
  session.execute("WITH " + parts + " SELECT");
  session.execute("SET CONSTRAINTS ALL IMMEDIATE");
  for (const PublishedTable& table : tables) {
    put_checkpoint_back(session, schema, table.projection);
    drop_previous_rows(session, schema, *table.live);
  }
  return undone;
}

}  // namespace rebuild_projection

#include "stages/commit/previous_rows.h"

#include "pipeline/error.h"
#include "pipeline/joined.h"
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

/// Whether what lies in unlogged tables is what publishing left, and no crash has emptied them since.
bool is_witnessed(Session& session, const std::string& schema, const std::string& projection) {
  const std::string witnesses = quote_name(schema, name_of_witnesses);
  return exists(session, witnesses) &&
         session
             .execute("SELECT EXISTS (SELECT FROM " + witnesses + " AS w JOIN " + publications_table(schema) +
                          " AS p USING (projection_name, run) WHERE p.projection_name = $1)",
                      {projection})
             .boolean(0, 0);
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
  if (!live.unlogged.empty() && !is_witnessed(session, schema, projection))
    throw cannot_undo(live, "the server crashed and emptied what is unlogged of it (" + joined(live.unlogged) + ")");
  const std::uint64_t changed =
      session
          .execute("SELECT count(*) FROM " + rows + " AS p LEFT JOIN " + live_name(live) + " AS l ON " +
                   same_key(layout) + " WHERE (l.*)::text IS DISTINCT FROM p.new")
          .number(0, 0);
  if (changed > 0)
    throw cannot_undo(
        live, std::to_string(changed) + " of the rows that it wrote were changed since, which undoing would lose");
}

/// The kept rows, as rows of a table again, and where the live ones that take their place now lie.
Replacement kept_rows(Session& session, const std::string& schema, const PublishedTable& table) {
  const std::string live = live_name(*table.live), kept = rows_table(schema, *table.live);
  Replacement result;
  result.live = table.live;
  result.rows = quote_name(schema, "put_back_" + std::to_string(table.live->oid));
  std::string same;
  for (std::size_t part = 0; part < table.layout->key.size(); ++part) {
    const std::string& name = result.key.emplace_back(table.layout->key[part].name);
    same += (part == 0 ? "s." : " AND s.") + quote_name(name) + " = p." + key_name(part);
  }
  for (const CatalogueColumn& column : table.live->columns)
    if (!column.generated) result.columns.push_back(column.name);
  session.execute("CREATE UNLOGGED TABLE " + result.rows + " AS SELECT (r.old_row).* FROM (SELECT p.old::" + live +
                  " AS old_row FROM " + kept + " AS p WHERE p.old IS NOT NULL OFFSET 0) AS r");
  note_places(session, schema,
              "SELECT l.tableoid AS live_part, l.ctid AS live_at, s.ctid AS row_at FROM " + kept + " AS p LEFT JOIN " +
                  live + " AS l ON " + same_key(*table.layout) + " LEFT JOIN " + result.rows + " AS s ON " + same,
              result);
  session.execute("ANALYZE " + result.places);
  const Rows counts = session.execute(
      "SELECT count(*) FILTER (WHERE d.live_at IS NULL), count(d.row_at) FILTER (WHERE d.live_at IS NOT NULL),"
      " count(*) FILTER (WHERE d.row_at IS NULL) FROM " +
      result.places + " AS d");
  result.counts = {.inserted = counts.number(0, 0), .updated = counts.number(0, 1), .deleted = counts.number(0, 2)};
  return result;
}

void put_checkpoint_back(Session& session, const std::string& schema, const std::string& projection) {
  const std::string checkpoints = quote_name(schema, name_of_checkpoints(Checkpoints::Of::live));
  session.execute("DELETE FROM " + checkpoints + " WHERE projection_name = $1", {projection});
  session.execute(
      "DELETE FROM " + quote_name(schema, name_of_dead_letters(Checkpoints::Of::live)) + " WHERE projection_name = $1",
      {projection});
  session.execute("INSERT INTO " + checkpoints + " SELECT (p.checkpoint::" + checkpoints + ").* FROM " +
                      publications_table(schema) + " AS p WHERE p.projection_name = $1 AND p.checkpoint IS NOT NULL",
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
                        const Replacement& table) {
  const CatalogueTable& live = *table.live;
  std::string keys;
  for (std::size_t part = 0; part < table.key.size(); ++part) {
    const std::string name = quote_name(table.key[part]);
    keys += "coalesce(l." + name + ", s." + name + ") AS " + key_name(part) + ", ";
  }
  session.execute("CREATE TABLE " + rows_table(schema, live) + " AS SELECT " + keys +
                  "(l.*)::text AS old, NULL::text AS new FROM " + table.places + " AS d LEFT JOIN " + live_name(live) +
                  " AS l ON " + is_live_row + " LEFT JOIN " + table.rows + " AS s ON s.ctid = d.row_at");
  const std::string publications = publications_table(schema);
  if (!exists(session, publications))
    session.execute("CREATE TABLE " + publications +
                    " (projection_name text PRIMARY KEY, table_oid bigint NOT NULL, columns text NOT NULL, run text,"
                    " checkpoint text, published_at timestamptz NOT NULL DEFAULT clock_timestamp())");
  session.execute("DELETE FROM " + publications + " WHERE projection_name = $1", {projection});
  session.execute("INSERT INTO " + publications +
                      " (projection_name, table_oid, columns, checkpoint) SELECT $1,"
                      " $2::bigint, $3, (SELECT (c.*)::text FROM " +
                      quote_name(schema, name_of_checkpoints(Checkpoints::Of::live)) +
                      " AS c WHERE c.projection_name = $1)",
                  {projection, std::to_string(live.oid), columns_of(live)});
}

void note_new_rows(Session& session, const std::string& schema, const std::string& projection,
                   const TableLayout& layout, const CatalogueTable& live) {
  session.execute("UPDATE " + rows_table(schema, live) + " AS p SET new = (l.*)::text FROM " + live_name(live) +
                  " AS l WHERE " + same_key(layout));
  session.execute("UPDATE " + publications_table(schema) + " AS p SET run = c.run FROM " +
                      quote_name(schema, name_of_checkpoints(Checkpoints::Of::live)) +
                      " AS c WHERE c.projection_name = p.projection_name AND p.projection_name = $1",
                  {projection});
}

std::vector<Publication> undo_publications(Session& session, WritersLock& lock, const std::string& schema,
                                           const std::vector<PublishedTable>& tables) {
  session.execute("SET LOCAL work_mem = '64MB'");
  const std::vector<Replacement> kept = lock.unhurried([&] {
    std::vector<Replacement> result;
    for (const PublishedTable& table : tables) {
      refuse_undo(session, schema, table.projection, *table.layout, *table.live);
      result.push_back(kept_rows(session, schema, table));
    }
    return result;
  });
  lock.lock_rows(kept);
  lock.write([&] {
    try {
      replace_rows(session, kept);
    } catch (const SqlError& error) {
      if (!error.is_class("23")) throw;
      throw cannot_undo(*tables.front().live,
                        std::string("what was written since contradicts the rows of before: ") + error.what());
    }
    for (std::size_t index = 0; index < tables.size(); ++index) {
      session.execute("DROP TABLE " + kept[index].rows);
      put_checkpoint_back(session, schema, tables[index].projection);
      drop_previous_rows(session, schema, *tables[index].live);
    }
  });
  std::vector<Publication> undone;
  for (const Replacement& table : kept) undone.push_back(table.counts);
  return undone;
}

}  // namespace rebuild_projection

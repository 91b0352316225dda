#include "stages/commit/checkpoint_tables.h"

#include <algorithm>

#include "pipeline/joined.h"
#include "stages/commit/checkpoints.h"

namespace rebuild_projection {

namespace {

/// All of a checkpoint's columns but those that publishing writes: state, run, updated_at.
constexpr const char* copied_columns =
    "projection_name, last_event_id, last_ts, position, first_position, definition_digest, version, key_columns,"
    " table_name, table_oid, target_database, store, store_digest, source_database, events, batches, late_events";

void create_pair(Session& session, const std::string& schema, Checkpoints::Of of) {
  const std::string checkpoints = quote_name(schema, name_of_checkpoints(of));
  const std::string dead_letters = quote_name(schema, name_of_dead_letters(of));
  const std::string create =
      of == Checkpoints::Of::shadows ? "CREATE UNLOGGED TABLE IF NOT EXISTS " : "CREATE TABLE IF NOT EXISTS ";
  // Asked for first: IF NOT EXISTS would want the right to create even where there is nothing to do.
  const Rows there =
      session.execute("SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL", {checkpoints, dead_letters});
  if (!there.boolean(0, 0))
    session.execute(
        create + checkpoints +
        " (projection_name text PRIMARY KEY, last_event_id text, last_ts timestamptz,"
        " updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), position text[], first_position text[],"
        " definition_digest text NOT NULL, version integer NOT NULL, key_columns text[] NOT NULL,"
        " table_name text NOT NULL, table_oid bigint NOT NULL, target_database text NOT NULL,"
        " store text NOT NULL, store_digest text NOT NULL, source_database text NOT NULL,"
        " state text NOT NULL, events bigint NOT NULL DEFAULT 0, batches bigint NOT NULL DEFAULT 0,"
        " run text, late_events text)");
  if (!there.boolean(0, 1))
    session.execute(create + dead_letters +
                    " (projection_name text NOT NULL, event_id text NOT NULL, position text[] NOT NULL,"
                    " error text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp())");
}

void create_witnesses(Session& session, const std::string& schema) {
  const std::string witnesses = quote_name(schema, name_of_witnesses);
  if (!session.execute("SELECT to_regclass($1) IS NOT NULL", {witnesses}).boolean(0, 0))
    session.execute("CREATE UNLOGGED TABLE IF NOT EXISTS " + witnesses +
                    " (projection_name text PRIMARY KEY, run text NOT NULL)");
}

}  // namespace

const char* name_of_checkpoints(Checkpoints::Of of) {
  return of == Checkpoints::Of::live ? "rebuild_checkpoints" : "rebuild_shadows";
}

const char* name_of_dead_letters(Checkpoints::Of of) {
  return of == Checkpoints::Of::live ? "rebuild_dead_letters" : "rebuild_shadow_dead_letters";
}

std::string array_of(const std::vector<std::string>& texts) {
  ArrayText array;
  for (const std::string& text : texts) array.add(text);
  return array.take();
}

Session::Parameters parameters_of(const Checkpoints::Identity& identity) {
  return {identity.projection,      identity.definition, std::to_string(identity.version),
          array_of(identity.key),   identity.table,      std::to_string(identity.table_oid),
          identity.target_database, identity.store,      identity.store_digest,
          identity.source_database};
}

void Checkpoints::create(Session& session) const {
  try {
    if (schema_ != temporary_schema &&
        !session.execute("SELECT to_regnamespace($1) IS NOT NULL", {quote_name(schema_)}).boolean(0, 0))
      session.execute("CREATE SCHEMA IF NOT EXISTS " + quote_name(schema_));
    create_pair(session, schema_, Of::live);
    if (of_ == Of::shadows) create_pair(session, schema_, of_);
    if (need_witnesses()) create_witnesses(session, schema_);
  } catch (const SqlError& error) {
    if (error.sqlstate != "42501") throw;
    throw UsageError("role may not create the schema " + schema_ +
                     ", where checkpoints are kept; its owner must run: " + "CREATE SCHEMA " + quote_name(schema_) +
                     " AUTHORIZATION <this role>;");
  }
}

std::vector<std::string> Checkpoints::missing_rights(Session& session) const {
  if (schema_.size() > name_bytes_max)
    return {"the schema of checkpoints has a name of " + std::to_string(schema_.size()) + " bytes; PostgreSQL keeps " +
            std::to_string(name_bytes_max)};
  ArrayText names;
  for (const Of of : {Of::live, Of::shadows}) {
    if (of > of_) continue;
    names.add(name_of_checkpoints(of));
    names.add(name_of_dead_letters(of));
  }
  if (need_witnesses()) names.add(name_of_witnesses);
  if (of_ == Of::shadows) names.add("rebuild_previous");  // previous_rows.h
  const Rows rows = session.execute(
      "SELECT n.oid IS NOT NULL, has_database_privilege(current_database(), 'CREATE'),"
      " coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false),"
      " current_user,"
      " coalesce((SELECT bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND"
      "    has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))"
      "  FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY ($2::text[])), true),"
      " (SELECT count(*) = cardinality($2::text[]) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY"
      "  ($2::text[])),"
      " NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'rebuild_checkpoints' AND NOT"
      "  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'late_events'))"
      " FROM (VALUES (1)) AS one LEFT JOIN pg_namespace n ON n.nspname = $1",
      {schema_, names.take()});
  const std::string role = quote_name(rows.text(0, 4));
  if (!rows.boolean(0, 0)) {
    if (rows.boolean(0, 1)) return {};
    return {"checkpoints need the schema " + schema_ +
            ", which this role may not create; an owner must run: CREATE SCHEMA " + quote_name(schema_) +
            " AUTHORIZATION " + role + ";"};
  }
  // USAGE, all rights on what is there, and CREATE where something is missing: a shadow always is.
  const bool nothing_to_create = rows.boolean(0, 6) && of_ == Of::live;
  if (rows.boolean(0, 2) && rows.boolean(0, 5) && (nothing_to_create || rows.boolean(0, 3))) {
    if (rows.boolean(0, 7)) return {};
    const std::string table = quote_name(schema_, name_of_checkpoints(Of::live));
    return {"the table " + table +
            " is an earlier version's; an owner must drop it, and the projections must be rebuilt from the beginning: "
            "DROP TABLE " +
            table + ";"};
  }
  return {"checkpoints are kept in the schema " + schema_ +
          ", where this role lacks rights; an owner must run: GRANT USAGE, CREATE ON SCHEMA " + quote_name(schema_) +
          " TO " + role + "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + quote_name(schema_) +
          " TO " + role + ";"};
}

void Checkpoints::claim(Session& session) const {
  session.execute("UPDATE " + checkpoints_ + " SET run = $2 WHERE projection_name = ANY ($1::text[])", {names(), run_});
}

std::string Checkpoints::live_standing(Session& session) const {
  ArrayText tables;
  for (const Identity& identity : identities_) tables.add(std::to_string(identity.table_oid));
  return std::string(session
                         .execute("SELECT coalesce(string_agg(concat_ws(' ', quote_ident(c.projection_name), c.run,"
                                  " c.position), ', ' ORDER BY c.projection_name), '') FROM " +
                                      quote_name(schema_, name_of_checkpoints(Of::live)) +
                                      " AS c WHERE c.projection_name = ANY ($1::text[]) OR c.table_oid = ANY"
                                      " ($2::bigint[])",
                                  {names(), tables.take()})
                         .text(0, 0));
}

void Checkpoints::publish(Session& session) const {
  const std::string live = quote_name(schema_, name_of_checkpoints(Of::live));
  const std::string letters = quote_name(schema_, name_of_dead_letters(Of::live));
  const std::string ours = " WHERE projection_name = ANY ($1::text[])";
  session.execute("DELETE FROM " + live + ours, {names()});
  session.execute("INSERT INTO " + live + " (" + copied_columns + ", state, run) SELECT " + copied_columns + ", '" +
                      checkpoint_state::complete + "', $2 FROM " + checkpoints_ + ours,
                  {names(), run_});
  session.execute("DELETE FROM " + letters + ours, {names()});
  session.execute("INSERT INTO " + letters + " SELECT * FROM " + dead_letters_ + ours, {names()});
  for (const Identity& identity : identities_) own_table(session, identity);
  forget(session);
}

bool Checkpoints::is_published(Session& session) const {
  const bool there = session
                         .execute("SELECT count(*) = cardinality($1::text[]) FROM " +
                                      quote_name(schema_, name_of_checkpoints(Of::live)) +
                                      " WHERE projection_name = ANY ($1::text[]) AND run = $2",
                                  {names(), run_})
                         .boolean(0, 0);
  for (const Identity& identity : identities_)
    if (there) refuse_lost_rows(session, identity);
  return there;
}

void Checkpoints::own_table(Session& session, const Identity& identity) const {
  const std::string live = quote_name(schema_, name_of_checkpoints(Of::live));
  if (!identity.unlogged.empty())
    session.execute("INSERT INTO " + quote_name(schema_, name_of_witnesses) +
                        " VALUES ($1, $2) ON CONFLICT (projection_name) DO UPDATE SET run = excluded.run",
                    {identity.projection, run_});
  if (identity.owns_table)
    session.execute("UPDATE " + live + " SET state = '" + checkpoint_state::replaced +
                        "', run = NULL WHERE table_oid = $1::bigint AND target_database = $2 AND projection_name <> $3"
                        " AND position IS NOT NULL AND state <> '" +
                        checkpoint_state::replaced + "'",
                    {std::to_string(identity.table_oid), identity.target_database, identity.projection});
}

bool Checkpoints::need_witnesses() const {
  return schema_ != temporary_schema &&
         std::ranges::any_of(identities_, [](const Identity& identity) { return !identity.unlogged.empty(); });
}

void Checkpoints::refuse_lost_rows(Session& session, const Identity& identity) const {
  if (identity.unlogged.empty()) return;
  const Rows witness = session.execute(
      "SELECT FROM " + quote_name(schema_, name_of_witnesses) + " WHERE projection_name = $1 AND run = $2",
      {identity.projection, run_});
  if (witness.size() == 0)
    throw RunError("the server crashed and emptied what is unlogged of the table " + identity.table + " (" +
                   joined(identity.unlogged) + "); rebuild projection " + identity.projection +
                   " from the beginning, without --resume");
}

void Checkpoints::forget(Session& session) const {
  for (const std::string& table : {checkpoints_, dead_letters_})
    session.execute("DELETE FROM " + table + " WHERE projection_name = ANY ($1::text[])", {names()});
}

}  // namespace rebuild_projection

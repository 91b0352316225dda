#include "stages/commit/checkpoints.h"

namespace rebuild_projection {

namespace {

constexpr std::string_view checkpoints = "rebuild_checkpoints";
constexpr std::string_view dead_letters = "rebuild_dead_letters";

std::string array_of(const Position& position) {
  ArrayText array;
  for (const std::string& column : position) array.add(column);
  return array.take();
}

}  // namespace

Checkpoints::Checkpoints(std::string schema, std::vector<Identity> identities)
    : schema_(std::move(schema)), identities_(std::move(identities)) {}

std::string Checkpoints::table(std::string_view name) const {
  return quote_name(schema_, name);
}

std::string Checkpoints::names() const {
  ArrayText array;
  for (const Identity& identity : identities_) array.add(identity.projection);
  return array.take();
}

void Checkpoints::create(Session& session) const {
  try {
    // Asked for first: IF NOT EXISTS would want the right to create even where there is nothing to do.
    const Rows there = session.execute(
        "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL, to_regclass($3) IS NOT NULL",
        {quote_name(schema_), table(checkpoints), table(dead_letters)});
    if (!there.boolean(0, 0)) session.execute("CREATE SCHEMA IF NOT EXISTS " + quote_name(schema_));
    if (!there.boolean(0, 1))
      session.execute(
          "CREATE TABLE IF NOT EXISTS " + table(checkpoints) +
          " (projection_name text PRIMARY KEY, last_event_id text, last_ts timestamptz,"
          " updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), position text[], first_position text[],"
          " definition_digest text NOT NULL, version integer NOT NULL, table_name text NOT NULL,"
          " store text NOT NULL, state text NOT NULL, events bigint NOT NULL DEFAULT 0,"
          " batches bigint NOT NULL DEFAULT 0)");
    if (!there.boolean(0, 2))
      session.execute(
          "CREATE TABLE IF NOT EXISTS " + table(dead_letters) +
          " (projection_name text NOT NULL, event_id text NOT NULL, position text[] NOT NULL, error text NOT NULL,"
          " recorded_at timestamptz NOT NULL DEFAULT clock_timestamp())");
  } catch (const SqlError& error) {
    if (error.sqlstate != "42501") throw;
    throw UsageError("role may not create the schema " + schema_ +
                     ", where checkpoints are kept; its owner must run: " + "CREATE SCHEMA " + quote_name(schema_) +
                     " AUTHORIZATION <this role>;");
  }
}

std::vector<std::string> Checkpoints::missing_rights(Session& session) const {
  const Rows rows = session.execute(
      "SELECT n.oid IS NOT NULL, has_database_privilege(current_database(), 'CREATE'),"
      " coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false),"
      " current_user,"
      " coalesce((SELECT bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND"
      "    has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))"
      "  FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname IN ('rebuild_checkpoints', "
      "'rebuild_dead_letters')), true),"
      " (SELECT count(*) = 2 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname IN ('rebuild_checkpoints', "
      "'rebuild_dead_letters'))"
      " FROM (VALUES (1)) AS one LEFT JOIN pg_namespace n ON n.nspname = $1",
      {schema_});
  const std::string role = quote_name(rows.text(0, 4));
  if (!rows.boolean(0, 0)) {
    if (rows.boolean(0, 1)) return {};
    return {"checkpoints need the schema " + schema_ +
            ", which this role may not create; an owner must run: CREATE SCHEMA " + quote_name(schema_) +
            " AUTHORIZATION " + role + ";"};
  }
  // USAGE, all rights on what is there, and CREATE where something is missing.
  if (rows.boolean(0, 2) && rows.boolean(0, 5) && (rows.boolean(0, 6) || rows.boolean(0, 3))) return {};
  return {"checkpoints are kept in the schema " + schema_ +
          ", where this role lacks rights; an owner must run: GRANT USAGE, CREATE ON SCHEMA " + quote_name(schema_) +
          " TO " + role + "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + quote_name(schema_) +
          " TO " + role + ";"};
}

void Checkpoints::start(Session& session) const {
  session.execute("BEGIN");
  for (const Identity& identity : identities_)
    session.execute("INSERT INTO " + table(checkpoints) +
                        " (projection_name, definition_digest, version, table_name, store, state)"
                        " VALUES ($1, md5($2), $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                    {identity.projection, identity.definition, std::to_string(identity.version), identity.table,
                     identity.store, checkpoint_state::starting});
  session.execute("COMMIT");
}

void Checkpoints::prepare(Session& session) const {
  session.prepare(
      "checkpoint_advance",
      "UPDATE " + table(checkpoints) +
          " SET last_event_id = $1, last_ts = $2::timestamptz, position = $3::text[],"
          " first_position = coalesce(first_position, $4::text[]), events = events + $5::bigint,"
          " batches = batches + 1, updated_at = clock_timestamp() WHERE projection_name = ANY ($6::text[])");
}

void Checkpoints::reset(Session& session) const {
  for (const Identity& identity : identities_) {
    session.execute(
        "UPDATE " + table(checkpoints) +
            " SET last_event_id = NULL, last_ts = NULL, position = NULL, first_position = NULL,"
            " definition_digest = md5($2), version = $3, table_name = $4, store = $5, state = $6, events = 0,"
            " batches = 0, updated_at = clock_timestamp() WHERE projection_name = $1",
        {identity.projection, identity.definition, std::to_string(identity.version), identity.table, identity.store,
         identity.partial ? checkpoint_state::partial : checkpoint_state::running});
    session.execute("DELETE FROM " + table(dead_letters) + " WHERE projection_name = $1", {identity.projection});
  }
}

void Checkpoints::advance(Session& session, const Batch& batch) const {
  const Rows rows = session.execute_prepared("checkpoint_advance",
                                             {batch.last_event_id, batch.last_ts, array_of(batch.last_position),
                                              array_of(batch.first_position), std::to_string(batch.events), names()});
  if (rows.affected() != identities_.size())
    throw RunError("a row of " + table(checkpoints) +
                   " is gone: somebody deleted it during the run; run the rebuild again");
}

void Checkpoints::add_dead_letters(Session& session, const std::string& projection,
                                   const std::vector<DeadLetter>& letters) const {
  if (letters.empty()) return;
  // A position is an array of its own, which unnest would flatten: it travels as its text.
  ArrayText ids;
  ArrayText positions;
  ArrayText errors;
  for (const DeadLetter& letter : letters) {
    ids.add(letter.event_id);
    positions.add(array_of(letter.position));
    errors.add(letter.error);
  }
  session.execute("INSERT INTO " + table(dead_letters) +
                      " (projection_name, event_id, position, error)"
                      " SELECT $1, d.id, d.position::text[], d.error"
                      " FROM unnest($2::text[], $3::text[], $4::text[]) AS d(id, position, error)",
                  {projection, ids.take(), positions.take(), errors.take()});
}

void Checkpoints::finish(Session& session, bool complete) const {
  session.execute("RESET synchronous_commit");
  session.execute(
      "UPDATE " + table(checkpoints) +
          " SET state = CASE WHEN $1::boolean AND state = $2 THEN $3 ELSE state END, updated_at = clock_timestamp()" +
          " WHERE projection_name = ANY ($4::text[])",
      {complete ? "t" : "f", checkpoint_state::running, checkpoint_state::complete, names()});
}

}  // namespace rebuild_projection

#include <utility>

#include "pipeline/joined.h"
#include "stages/commit/checkpoint_tables.h"
#include "stages/commit/checkpoints.h"

namespace rebuild_projection {

namespace {

std::vector<std::string> column_of(const Rows& rows, std::size_t column) {
  std::vector<std::string> result;
  for (std::size_t row = 0; row < rows.size(); ++row) result.emplace_back(rows.text(row, column));
  return result;
}

/// Which projection wrote the table after its checkpoint in `schema` last moved, and keeps its own in another schema
/// (--meta-schema), as words; "" for none that this role may see.
std::string writer_elsewhere(Session& session, const std::string& schema, const Checkpoints::Identity& identity) {
  const Rows schemas = session.execute(
      "SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname = $1 AND"
      " c.relkind = 'r' AND n.nspname <> $2 AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid,"
      " 'SELECT') AND NOT row_security_active(c.oid) AND (SELECT count(*) = 5 FROM pg_attribute AS a WHERE a.attrelid ="
      " c.oid AND a.attname IN ('projection_name', 'table_oid', 'target_database', 'position', 'updated_at'))"
      " ORDER BY n.nspname",
      {name_of_checkpoints(Checkpoints::Of::live), schema});
  for (std::size_t row = 0; row < schemas.size(); ++row) {
    const std::string other(schemas.text(row, 0));
    const Rows writer = session.execute(
        "SELECT o.projection_name FROM " + quote_name(other, name_of_checkpoints(Checkpoints::Of::live)) + " AS o, " +
            quote_name(schema, name_of_checkpoints(Checkpoints::Of::live)) +
            " AS c WHERE c.projection_name = $1 AND o.table_oid = $2::bigint AND o.target_database = $3 AND o.position"
            " IS NOT NULL AND o.updated_at > c.updated_at ORDER BY o.updated_at DESC LIMIT 1",
        {identity.projection, std::to_string(identity.table_oid), identity.target_database});
    if (writer.size() > 0)
      return "projection " + std::string(writer.text(0, 0)) + ", whose checkpoint lies in the schema " + other;
  }
  return "";
}

}  // namespace

std::vector<std::optional<Checkpoint>> Checkpoints::load(Session& session) const {
  std::vector<std::optional<Checkpoint>> result(identities_.size());
  if (!session.execute("SELECT to_regclass($1) IS NOT NULL", {checkpoints_}).boolean(0, 0)) return result;
  for (std::size_t index = 0; index < identities_.size(); ++index) {
    const Identity& now = identities_[index];
    const Rows rows = session.execute(
        "SELECT c.events, c.state, c.last_event_id, c.version, array_to_string(c.key_columns, ', '), c.table_name,"
        " c.store, c.definition_digest = v.a, c.version = v.b, c.key_columns = v.c, c.table_name = v.d,"
        " c.table_oid = v.e, c.target_database = v.f, c.store = v.g, c.store_digest = v.h, c.source_database = v.i,"
        " c.late_events, (SELECT o.projection_name FROM " +
            checkpoints_ +
            " AS o WHERE o.table_oid = c.table_oid AND o.projection_name <> c.projection_name AND o.state <> '" +
            checkpoint_state::replaced +
            "' ORDER BY o.updated_at DESC LIMIT 1)"
            " FROM " +
            checkpoints_ + " AS c, (VALUES (" + std::string(identity_values) +
            ")) AS v(a, b, c, d, e, f, g, h, i) WHERE c.projection_name = $1 AND c.position IS NOT NULL",
        parameters_of(now));
    if (rows.size() == 0) continue;
    Checkpoint& checkpoint = result[index].emplace();
    checkpoint.events = rows.number(0, 0);
    checkpoint.partial = rows.text(0, 1) == checkpoint_state::partial;
    checkpoint.last_event_id = rows.text(0, 2);
    checkpoint.late_events = rows.text(0, 16);
    const auto array = [&](const char* column) {
      return column_of(session.execute("SELECT unnest(" + std::string(column) + ") FROM " + checkpoints_ +
                                           " WHERE projection_name = $1",
                                       {now.projection}),
                       0);
    };
    checkpoint.position = array("position");
    checkpoint.first_position = array("first_position");

    if (rows.text(0, 1) == checkpoint_state::replaced)
      checkpoint.differences.push_back(
          "the table " + now.table + " was rebuilt by " +
          (rows.is_null(0, 17) ? "another projection" : "projection " + std::string(rows.text(0, 17))) + " since");
    if (writes_live_tables() && now.owns_table)
      if (const std::string writer = writer_elsewhere(session, schema_, now); !writer.empty())
        checkpoint.differences.push_back("the table " + now.table + " was written by " + writer + ", since");
    std::size_t column = 7;
    const auto compare = [&](const std::string& clause) {
      if (!rows.boolean(0, column++)) checkpoint.differences.push_back(clause);
    };
    const auto was = [&](std::size_t at, const std::string& is) {
      return " was " + std::string(rows.text(0, at)) + " and is " + is;
    };
    compare("its definition is another, or a column that it writes was made anew since");
    compare("its version" + was(3, std::to_string(now.version)));
    compare("its key" + was(4, joined(now.key)));
    compare("its table" + was(5, now.table));
    compare("the table " + now.table + " was made anew since");
    compare("its table is in another database than before");
    compare("its store" + was(6, now.store));
    compare("the description of the store " + now.store + " is another");
    compare("its events come from another database than before");
  }
  return result;
}

std::vector<Checkpoints::Overview> Checkpoints::overview(Session& session, const std::string& schema, Of of) {
  std::vector<Overview> result;
  const std::string table = quote_name(schema, name_of_checkpoints(of));
  if (!session.execute("SELECT to_regclass($1) IS NOT NULL", {table}).boolean(0, 0)) return result;
  const Rows rows = session.execute(
      "SELECT projection_name, table_name, state, store, store_digest, source_database,"
      " date_trunc('second', updated_at), table_oid, last_ts, events FROM " +
      table + " ORDER BY 1");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Overview& one = result.emplace_back();
    std::size_t column = 0;
    for (std::string* text : {&one.projection, &one.table, &one.state, &one.store, &one.store_digest,
                              &one.source_database, &one.updated_at})
      *text = rows.text(row, column++);
    one.table_oid = static_cast<std::uint32_t>(rows.number(row, column++));
    one.last_ts = rows.optional(row, column++);
    one.events = rows.number(row, column);
    one.position = column_of(
        session.execute("SELECT unnest(position) FROM " + table + " WHERE projection_name = $1", {one.projection}), 0);
  }
  return result;
}

namespace {

/// Whether this role may read a table; nullopt where it is not there.
std::optional<bool> may_read(Session& session, const std::string& schema, const std::string& name) {
  const Rows table = session.execute(
      "SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
      " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
      {schema, name});
  return table.size() == 0 ? std::nullopt : std::optional(table.boolean(0, 0));
}

}  // namespace

bool Checkpoints::can_be_read(Session& session, const std::string& schema) {
  return may_read(session, schema, name_of_checkpoints(Of::live)).value_or(true);
}

bool Checkpoints::is_of_our_store(const Overview& other) const {
  const Identity& ours = identities_.front();
  return other.store == ours.store && other.store_digest == ours.store_digest &&
         other.source_database == ours.source_database;
}

std::string Checkpoints::dead_letters(const std::string& schema, Of of) {
  return schema + "." + name_of_dead_letters(of);
}

std::optional<std::map<std::string, std::uint64_t>> Checkpoints::recorded(Session& session, const std::string& schema,
                                                                          Of of) {
  std::map<std::string, std::uint64_t> result;
  const std::string name = name_of_dead_letters(of);
  const auto readable = may_read(session, schema, name);
  if (!readable) return result;
  if (!*readable) return std::nullopt;
  const Rows rows = session.execute("SELECT d.projection_name, count(*) FROM " + quote_name(schema, name) +
                                    " AS d GROUP BY d.projection_name");
  for (std::size_t row = 0; row < rows.size(); ++row) result.emplace(rows.text(row, 0), rows.number(row, 1));
  return result;
}

std::string database_identity(Session& session) {
  constexpr const char* cluster = "SELECT system_identifier::text FROM pg_control_system()";
  std::string identity;
  try {
    identity = session.execute(cluster).text(0, 0);
  } catch (const SqlError& error) {
    if (error.sqlstate != "42501") throw;  // an owner can take the right away
  }
  return identity + "/" + std::string(session.execute("SELECT current_database()").text(0, 0));
}

}  // namespace rebuild_projection

#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

namespace {

std::string oid_text(const CatalogueTable& table) {
  return std::to_string(table.oid);
}

void read_columns(Session& session, CatalogueTable& table) {
  // A domain's base type is found by descent (domains over domains); its length or precision is the innermost one set.
  const Rows rows = session.execute(
      "WITH RECURSIVE base AS ("
      "  SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier, NULL::text COLLATE \"C\" AS domain_default, "
      "false AS domain"
      "  FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped"
      "  UNION ALL"
      "  SELECT b.attnum, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.modifier END,"
      "         coalesce(b.domain_default, t.typdefault), true"
      "  FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd')"
      " SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(t.oid, -1), t.oid, t.typcategory, "
      "b.modifier,"
      "        b.domain, a.attnotnull, a.attgenerated <> '', a.attidentity <> '', a.attidentity = 'a',"
      "        coalesce(c.collisdeterministic, true),"
      "        CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), b.domain_default) END"
      " FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'"
      " JOIN pg_attribute a ON a.attrelid = $1::oid AND a.attnum = b.attnum"
      " LEFT JOIN pg_collation c ON c.oid = a.attcollation"
      " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
      " ORDER BY a.attnum",
      {oid_text(table)});
  for (std::size_t row = 0; row < rows.size(); ++row) {
    CatalogueColumn column;
    column.name = rows.text(row, 0);
    column.type = rows.text(row, 1);
    column.base_type = rows.text(row, 2);
    column.base_oid = static_cast<std::uint32_t>(rows.number(row, 3));
    column.category = rows.text(row, 4).front();
    column.type_modifier = rows.text(row, 5).starts_with('-') ? -1 : static_cast<std::int32_t>(rows.number(row, 5));
    column.is_domain = rows.boolean(row, 6);
    column.not_null = rows.boolean(row, 7);
    column.generated = rows.boolean(row, 8);
    column.identity = rows.boolean(row, 9);
    column.identity_always = rows.boolean(row, 10);
    column.deterministic_collation = rows.boolean(row, 11);
    column.default_expression = rows.optional(row, 12);
    table.columns.push_back(std::move(column));
  }
}

void read_indexes(Session& session, CatalogueTable& table) {
  const Rows rows = session.execute(
      "SELECT c.relname, i.indisunique, i.indpred IS NOT NULL, i.indimmediate, i.indisvalid, coalesce(a.attname, '')"
      " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
      " CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS place"
      " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place] AND i.indkey[place] <> 0"
      " WHERE i.indrelid = $1::oid ORDER BY i.indisprimary DESC, c.relname, place",
      {oid_text(table)});
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (table.indexes.empty() || table.indexes.back().name != rows.text(row, 0)) {
      CatalogueIndex index;
      index.name = rows.text(row, 0);
      index.unique = rows.boolean(row, 1);
      index.partial = rows.boolean(row, 2);
      index.immediate = rows.boolean(row, 3);
      index.valid = rows.boolean(row, 4);
      table.indexes.push_back(std::move(index));
    }
    table.indexes.back().columns.emplace_back(rows.text(row, 5));
  }
}

std::vector<std::string> first_column(const Rows& rows) {
  std::vector<std::string> result;
  for (std::size_t row = 0; row < rows.size(); ++row) result.emplace_back(rows.text(row, 0));
  return result;
}

/// A name resolves past a schema that the role may not use, as if the relation were not there.
void refuse_hidden_schema(Session& session, const std::string& name) {
  const Rows rows = session.execute(
      "SELECT n.nspname, current_user, pg_get_userbyid(n.nspowner) FROM pg_class c"
      " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT has_schema_privilege(n.oid, 'USAGE') AND"
      " ($1 = n.nspname || '.' || c.relname OR"
      "  $1 = c.relname AND quote_ident(n.nspname) = ANY (regexp_split_to_array($2, '\\s*,\\s*'))) LIMIT 1",
      {name, session.user_search_path()});
  if (rows.size() > 0)
    throw UsageError("\"" + name + "\" lies in a schema that role " + std::string(rows.text(0, 1)) +
                     " may not use; its owner (" + std::string(rows.text(0, 2)) + ") must run: GRANT USAGE ON SCHEMA " +
                     quote_name(rows.text(0, 0)) + " TO " + quote_name(rows.text(0, 1)) + ";");
}

void read_dependents(Session& session, CatalogueTable& table) {
  table.triggers = first_column(session.execute(
      "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::oid AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname",
      {oid_text(table)}));
  table.rules = first_column(
      session.execute("SELECT rulename FROM pg_rewrite WHERE ev_class = $1::oid ORDER BY rulename", {oid_text(table)}));
  table.incoming_foreign_keys =
      first_column(session.execute("SELECT conname || ' of table ' || conrelid::regclass FROM pg_constraint"
                                   " WHERE contype = 'f' AND confrelid = $1::oid AND conparentid = 0 ORDER BY conname",
                                   {oid_text(table)}));
  const Rows outgoing = session.execute(
      "SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = $1::oid", {oid_text(table)});
  for (std::size_t row = 0; row < outgoing.size(); ++row)
    table.outgoing_foreign_keys.push_back(static_cast<std::uint32_t>(outgoing.number(row, 0)));
}

}  // namespace

const CatalogueColumn* CatalogueTable::find(std::string_view column) const {
  for (const CatalogueColumn& candidate : columns)
    if (candidate.name == column) return &candidate;
  return nullptr;
}

std::optional<Relation> find_relation(Session& session, std::uint32_t oid) {
  const Rows rows = session.execute(
      "SELECT n.nspname, c.relname, current_user,"
      " has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid)"
      " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid",
      {std::to_string(oid)});
  if (rows.size() == 0) return std::nullopt;
  return Relation{.oid = oid,
                  .schema = std::string(rows.text(0, 0)),
                  .name = std::string(rows.text(0, 1)),
                  .role = std::string(rows.text(0, 2)),
                  .can_select = rows.boolean(0, 3),
                  .row_security = rows.boolean(0, 4)};
}

std::optional<Relation> find_relation(Session& session, const std::string& name) {
  std::vector<std::string> spellings{quote_name(name)};
  if (const auto dot = name.find('.'); dot != std::string::npos)
    spellings.push_back(quote_name(name.substr(0, dot), name.substr(dot + 1)));

  for (const std::string& spelling : spellings) {
    session.execute("SET search_path = pg_catalog, pg_temp");
    session.execute("SELECT set_config('search_path', $1, false)", {session.user_search_path()});
    const Rows oid = session.execute("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", {spelling});
    session.execute("SET search_path = pg_catalog, pg_temp");
    if (oid.is_null(0, 0)) {
      refuse_hidden_schema(session, name);
      continue;
    }
    auto relation = find_relation(session, static_cast<std::uint32_t>(oid.number(0, 0)));
    // Of a name that is too long the server cuts the end, and finds another relation.
    if (relation && (relation->name == name || relation->schema + "." + relation->name == name)) return relation;
  }
  return std::nullopt;
}

namespace {

CatalogueTable read_relation(Session& session, const Relation& relation) {
  CatalogueTable table;
  table.oid = relation.oid;
  table.schema = relation.schema;
  table.name = relation.name;
  table.row_security = relation.row_security;
  table.can_select = relation.can_select;
  const Rows rows = session.execute(
      "SELECT c.relkind, c.relpersistence = 'u', pg_get_userbyid(c.relowner), c.relhassubclass AND c.relkind = 'r',"
      " has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, "
      "'DELETE'),"
      " has_table_privilege(c.oid, 'TRUNCATE'),"
      " EXISTS (SELECT FROM pg_constraint o WHERE o.conrelid = c.oid AND o.condeferrable)"
      " FROM pg_class c WHERE c.oid = $1::oid",
      {oid_text(table)});
  table.kind = rows.text(0, 0).front();
  table.unlogged = rows.boolean(0, 1);
  table.owner = rows.text(0, 2);
  table.has_children = rows.boolean(0, 3);
  table.can_insert = rows.boolean(0, 4);
  table.can_update = rows.boolean(0, 5);
  table.can_delete = rows.boolean(0, 6);
  table.can_truncate = rows.boolean(0, 7);
  table.deferrable_constraints = rows.boolean(0, 8);
  read_columns(session, table);
  read_indexes(session, table);
  read_dependents(session, table);
  return table;
}

}  // namespace

std::optional<CatalogueTable> read_table(Session& session, const std::string& name) {
  const auto relation = find_relation(session, name);
  return relation ? std::optional(read_relation(session, *relation)) : std::nullopt;
}

std::optional<CatalogueTable> read_table(Session& session, std::uint32_t oid) {
  const auto relation = find_relation(session, oid);
  return relation ? std::optional(read_relation(session, *relation)) : std::nullopt;
}

}  // namespace rebuild_projection

#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

std::string tree_of(const CatalogueTable& table) {
  ArrayText oids;
  for (const std::uint32_t oid : table.tree) oids.add(std::to_string(oid));
  return oids.take();
}

namespace {

std::string oid_text(const CatalogueTable& table) {
  return std::to_string(table.oid);
}

void read_columns(Session& session, CatalogueTable& table) {
  // A domain's base type is found by descent (domains over domains); its length or precision is the innermost one set.
  // A category may be chosen for a type of one's own; what the program reads from it holds for arrays and enums alone.
  // Of a default's expression the kinds of its nodes and the functions that it calls are looked at.
  const Rows rows = session.execute(
      "WITH RECURSIVE base AS ("
      "  SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier, NULL::text COLLATE \"C\" AS domain_default, "
      "NULL::text COLLATE \"C\" AS domain_bin, false AS domain"
      "  FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped"
      "  UNION ALL"
      "  SELECT b.attnum, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.modifier END,"
      "         coalesce(b.domain_default, t.typdefault), coalesce(b.domain_bin, t.typdefaultbin::text), true"
      "  FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd')"
      " SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(t.oid, -1), format_type(t.oid, b.modifier),"
      " t.oid, CASE WHEN t.typtype = 'e' THEN 'E' WHEN t.typlen = -1 AND t.typsubscript ="
      " 'array_subscript_handler'::regproc THEN 'A' WHEN t.typcategory IN ('A', 'E') THEN 'U' ELSE t.typcategory END, "
      "b.modifier,"
      "        b.domain, a.attnotnull, a.attgenerated <> '', a.attidentity <> '', a.attidentity = 'a',"
      "        coalesce(c.collisdeterministic, true),"
      "        CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), b.domain_default) END,"
      " coalesce(d.adbin::text, b.domain_bin) IS NOT NULL"
      "  AND NOT EXISTS (SELECT FROM regexp_matches(coalesce(d.adbin::text, b.domain_bin), '\\{([A-Z]+)', 'g') AS"
      "   node(name) WHERE node.name[1] NOT IN ('CONST', 'FUNCEXPR', 'OPEXPR', 'ARRAY', 'ARRAYEXPR', 'ROW', 'ROWEXPR',"
      "   'NAMEDARGEXPR', 'RELABELTYPE', 'COERCETODOMAIN'))"
      "  AND NOT EXISTS (SELECT FROM regexp_matches(coalesce(d.adbin::text, b.domain_bin), ':(?:op)?funcid (\\d+)',"
      "   'g') AS call(id) LEFT JOIN pg_proc p ON p.oid = call.id[1]::oid WHERE p.provolatile IS DISTINCT FROM 'i'),"
      " a.attnum"
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
    column.sized_type = rows.text(row, 3);
    column.base_oid = static_cast<std::uint32_t>(rows.number(row, 4));
    column.category = rows.text(row, 5).front();
    column.type_modifier = rows.text(row, 6).starts_with('-') ? -1 : static_cast<std::int32_t>(rows.number(row, 6));
    column.is_domain = rows.boolean(row, 7);
    column.not_null = rows.boolean(row, 8);
    column.generated = rows.boolean(row, 9);
    column.identity = rows.boolean(row, 10);
    column.identity_always = rows.boolean(row, 11);
    column.deterministic_collation = rows.boolean(row, 12);
    column.default_expression = rows.optional(row, 13);
    column.constant_default = rows.boolean(row, 14);
    column.number = rows.number(row, 15);
    table.columns.push_back(std::move(column));
  }
}

void read_indexes(Session& session, CatalogueTable& table) {
  const Rows rows = session.execute(
      "SELECT c.relname, i.indisunique, i.indpred IS NOT NULL, i.indimmediate, i.indisvalid, coalesce(a.attname, '')"
      " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
      " CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS place"
      " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place] AND i.indkey[place] <> 0 AND"
      "  NOT EXISTS (SELECT FROM pg_collation e WHERE e.oid = i.indcollation[place] AND e.oid <> a.attcollation AND"
      "   NOT e.collisdeterministic)"
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

/// What holds for the table and its parts, of which `$1` are the oids.
std::vector<std::string> parts_where(Session& session, const CatalogueTable& table, const std::string& condition) {
  return first_column(session.execute("SELECT c.oid::regclass FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND " +
                                          condition + " ORDER BY c.oid::regclass::text",
                                      {tree_of(table)}));
}

/// Rows of a partitioned table lie in its leaves. What is in a publication, itself or by a table above it or by its
/// schema, and has no replica identity, takes no UPDATE and no DELETE.
constexpr const char* published_without_identity =
    "c.relkind = 'r' AND c.relpersistence = 'p' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND"
    "  CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)"
    " AND c.relreplident <> 'f' AND EXISTS (SELECT FROM pg_publication p WHERE (p.pubupdate OR p.pubdelete) AND ("
    "  p.puballtables OR EXISTS (SELECT FROM pg_class a WHERE (a.oid = c.oid OR a.oid = ANY (SELECT relid FROM"
    "   pg_partition_ancestors(c.oid))) AND (EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND"
    "    r.prrelid = a.oid) OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND"
    "    n.pnnspid = a.relnamespace)))))";

/// Of a tree's row triggers each part has its own; only the topmost one is named. Statements name the table, so that
/// statement triggers of its parts do not fire, but for those of TRUNCATE.
constexpr const char* firing_triggers =
    "SELECT t.tgname, t.tgrelid::regclass, t.tgrelid <> $2::oid FROM pg_trigger t WHERE t.tgrelid = ANY ($1::oid[]) "
    "AND NOT t.tgisinternal"
    " AND t.tgenabled IN ('A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END)"
    " AND (t.tgrelid = $2::oid OR t.tgtype & 1 <> 0 OR t.tgtype & 32 <> 0)"
    " AND NOT EXISTS (SELECT FROM pg_trigger above WHERE above.oid = t.tgparentid AND"
    "  above.tgrelid = ANY ($1::oid[]) AND above.tgenabled = t.tgenabled)"
    " ORDER BY t.tgname, t.tgrelid";

/// A foreign key to a partitioned table has one to each of its partitions beside it; only the topmost one is named.
constexpr const char* foreign_keys_to =
    "SELECT f.conname || ' of table ' || f.conrelid::regclass ||"
    "  CASE WHEN f.confrelid <> $2::oid THEN ' to its part ' || f.confrelid::regclass ELSE '' END"
    " FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = ANY ($1::oid[]) AND NOT EXISTS (SELECT FROM"
    "  pg_constraint above WHERE above.oid = f.conparentid AND above.confrelid = ANY ($1::oid[])) ORDER BY f.conname";

void read_dependents(Session& session, CatalogueTable& table) {
  const std::string tree = tree_of(table);
  const Rows triggers = session.execute(firing_triggers, {tree, oid_text(table)});
  for (std::size_t row = 0; row < triggers.size(); ++row)
    table.triggers.push_back(
        {std::string(triggers.text(row, 0)), std::string(triggers.text(row, 1)), triggers.boolean(row, 2)});
  // Also those that are disabled: MERGE takes no table that has any.
  table.rules = first_column(
      session.execute("SELECT r.rulename FROM pg_rewrite r WHERE r.ev_class = $1::oid ORDER BY 1", {oid_text(table)}));
  table.incoming_foreign_keys = first_column(session.execute(foreign_keys_to, {tree, oid_text(table)}));
  const Rows outgoing = session.execute(
      "SELECT DISTINCT f.confrelid FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = ANY ($1::oid[])",
      {tree});
  for (std::size_t row = 0; row < outgoing.size(); ++row)
    table.outgoing_foreign_keys.push_back(static_cast<std::uint32_t>(outgoing.number(row, 0)));
  table.unlogged = parts_where(session, table, "c.relpersistence = 'u'");
  table.foreign_parts = parts_where(session, table, "c.relkind = 'f'");
  table.without_identity = parts_where(session, table, published_without_identity);
}

/// The oids of a table and its parts.
std::string tree_sql(const std::string& oid) {
  return "WITH RECURSIVE tree(oid, is_top) AS (SELECT " + oid +
         ", true UNION SELECT i.inhrelid, false FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)";
}

void read_tree(Session& session, CatalogueTable& table) {
  const Rows rows = session.execute(
      tree_sql("$1::oid") + " SELECT tree.oid FROM tree ORDER BY tree.is_top DESC, tree.oid", {oid_text(table)});
  for (std::size_t row = 0; row < rows.size(); ++row)
    table.tree.push_back(static_cast<std::uint32_t>(rows.number(row, 0)));
}

}  // namespace

const CatalogueColumn* CatalogueTable::find(std::string_view column) const {
  for (const CatalogueColumn& candidate : columns)
    if (candidate.name == column) return &candidate;
  return nullptr;
}

std::string fingerprint_sql(const std::string& oid) {
  int catalogues = 0;
  // A sum, so that the order of rows does not matter.
  const auto sum = [&](const std::string& columns, const std::string& from) {
    return "coalesce((SELECT sum(hashtextextended(ROW(" + columns + ")::text, " + std::to_string(++catalogues) +
           ")) FROM " + from + "), 0)";
  };
  // Triggers are those of foreign keys to the table, too.
  const std::string of_each =
      sum("c.oid, c.relkind, c.relpersistence", "pg_class c WHERE c.oid = tree.oid") + " + " +
      sum("t.tgrelid, t.tgfoid, t.tgtype, t.tgenabled, t.tgconstrrelid, t.tgdeferrable, t.tgattr::text, t.tgqual",
          "pg_trigger t WHERE t.tgrelid = tree.oid AND t.tgenabled <> 'D'") +
      " + " +
      sum("x.indrelid, x.indkey::text, x.indpred, x.indexprs, x.indcollation::text, x.indimmediate",
          "pg_index x WHERE x.indrelid = tree.oid AND (x.indisunique OR x.indisexclusion) AND x.indisvalid") +
      " + " +
      sum("o.conrelid, o.contype, o.conkey, o.confrelid, o.confkey, o.conbin",
          "pg_constraint o WHERE o.conrelid = tree.oid AND o.contype IN ('c', 'f')");
  // Statements name the table, so that its columns and rules hold for all parts.
  const std::string of_the_table =
      // Schemas are renamed without a lock on their tables.
      sum("n.nspname, c.relname, row_security_active(c.oid)",
          "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tree.oid") +
      " + " +
      sum("a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attidentity, a.attcollation",
          "pg_attribute a WHERE a.attrelid = tree.oid AND a.attnum > 0") +
      " + " + sum("d.adnum, d.adbin", "pg_attrdef d WHERE d.adrelid = tree.oid") + " + " +
      sum("r.ev_type, r.is_instead", "pg_rewrite r WHERE r.ev_class = tree.oid AND r.ev_enabled <> 'D'");
  return "(" + tree_sql(oid) + " SELECT sum(" + of_each + " + CASE WHEN tree.is_top THEN " + of_the_table +
         " ELSE 0 END) FROM tree)";
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

std::optional<CatalogueTable> read_table(Session& session, std::uint32_t oid) {
  CatalogueTable table;
  table.oid = oid;
  table.fingerprint = session.execute("SELECT " + fingerprint_sql("$1::oid"), {oid_text(table)}).text(0, 0);
  const auto relation = find_relation(session, oid);
  if (!relation) return std::nullopt;
  table.schema = relation->schema;
  table.name = relation->name;
  table.row_security = relation->row_security;
  table.can_select = relation->can_select;
  read_tree(session, table);
  const Rows rows = session.execute(
      "SELECT c.relkind, pg_get_userbyid(c.relowner),"
      " has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, "
      "'DELETE'),"
      " has_table_privilege(c.oid, 'TRUNCATE'),"
      " EXISTS (SELECT FROM pg_constraint o WHERE o.conrelid = ANY ($2::oid[]) AND o.condeferrable)"
      " FROM pg_class c WHERE c.oid = $1::oid",
      {oid_text(table), tree_of(table)});
  table.kind = rows.text(0, 0).front();
  table.has_children = table.kind == 'r' && table.tree.size() > 1;
  table.owner = rows.text(0, 1);
  table.can_insert = rows.boolean(0, 2);
  table.can_update = rows.boolean(0, 3);
  table.can_delete = rows.boolean(0, 4);
  table.can_truncate = rows.boolean(0, 5);
  table.deferrable_constraints = rows.boolean(0, 6);
  read_columns(session, table);
  read_indexes(session, table);
  read_dependents(session, table);
  return table;
}

std::optional<CatalogueTable> read_table(Session& session, const std::string& name) {
  const auto relation = find_relation(session, name);
  return relation ? read_table(session, relation->oid) : std::nullopt;
}

}  // namespace rebuild_projection

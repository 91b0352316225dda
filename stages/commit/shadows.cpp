#include "stages/commit/shadows.h"

#include <spdlog/spdlog.h>

#include "stages/commit/checkpoint_tables.h"
#include "stages/commit/late_key.h"
#include "stages/commit/side_table.h"
#include "stages/commit/target_locks.h"
#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

namespace {

std::string shadow_name(std::uint32_t live_oid) {
  return "shadow_" + std::to_string(live_oid);
}

std::string described(const Checkpoints::Overview& shadow) {
  return "a shadow of projection " + shadow.projection + " for " + shadow.table + " lies there, " +
         (shadow.position.empty() ? "with no event in it"
                                  : "with the events up to " + to_string(shadow.position) + " in it");
}

bool has_rows(Session& session, const std::string& table) {
  return session.execute("SELECT EXISTS (SELECT FROM " + table + ")").boolean(0, 0);
}

}  // namespace

std::optional<CatalogueTable> find_shadow(Session& session, const std::string& schema, const CatalogueTable& live) {
  const Rows oid = session.execute("SELECT to_regclass($1)::oid", {quote_name(schema, shadow_name(live.oid))});
  if (oid.is_null(0, 0)) return std::nullopt;
  return read_table(session, static_cast<std::uint32_t>(oid.number(0, 0)));
}

CatalogueTable make_shadow(Session& session, const std::string& schema, const CatalogueTable& live,
                           const TableLayout& layout) {
  drop_shadow(session, schema, live.oid);
  CatalogueTable shadow = make_side_table(session, live, layout, schema, shadow_name(live.oid), SideTable::unlogged);
  drop_key(session, layout, shadow);
  return shadow;
}

void drop_shadow(Session& session, const std::string& schema, std::uint32_t live_oid) {
  const std::string name = quote_name(schema, shadow_name(live_oid));
  // Not IF EXISTS, whose notice would be said to the person.
  if (session.execute("SELECT to_regclass($1) IS NOT NULL", {name}).boolean(0, 0))
    session.execute("DROP TABLE " + name);
}

std::string left_by_another_role(Session& session, const std::string& schema, const CatalogueTable& live) {
  const Rows drops = session.execute(
      "SELECT string_agg(format('%s must run: DROP TABLE %I.%I;', pg_get_userbyid(c.relowner), n.nspname, c.relname),"
      " ' ' ORDER BY c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = "
      "$1"
      " AND c.relname = ANY (ARRAY['shadow_' || $2, 'previous_' || $2]) AND NOT pg_has_role(c.relowner, 'USAGE')",
      {schema, std::to_string(live.oid)});
  if (drops.is_null(0, 0)) return "";
  return "only its owner can replace what an earlier run left for " + quote_name(live.schema, live.name) +
         "; run as that role, or " + std::string(drops.text(0, 0));
}

std::string shadow_in_the_way(Session& session, const std::vector<Checkpoints::Overview>& shadows,
                              const std::string& schema, const std::string& projection, const CatalogueTable& live,
                              bool resume) {
  bool claimed = false;
  for (const Checkpoints::Overview& shadow : shadows) {
    if (shadow.projection == projection && !resume)
      return described(shadow) + ": go on with it by --resume, or drop it and start over by --discard";
    if (shadow.projection != projection && shadow.table_oid == live.oid)
      return described(shadow) + ", so projection " + projection +
             " cannot have one: rebuild that projection with --resume, or drop its shadow by --discard";
    claimed = claimed || shadow.projection == projection;
  }
  if (claimed) return "";
  if (const auto left = find_shadow(session, schema, live)) {
    const std::string name = quote_name(left->schema, left->name);
    if (has_rows(session, name))
      return "the table " + name +
             " has the name of a shadow and no checkpoint, so nobody can say what is in it; "
             "drop it by --discard";
    spdlog::info("{} was emptied by a crash of the server, and is made anew", name);
  }
  return "";
}

void discard_shadows(Session& session, const std::string& schema, const std::string& projection,
                     const CatalogueTable& live) {
  for (const Checkpoints::Overview& shadow : Checkpoints::overview(session, schema, Checkpoints::Of::shadows)) {
    if (shadow.projection != projection && shadow.table_oid != live.oid) continue;
    CatalogueTable other;
    other.oid = shadow.table_oid;
    other.schema = "the shadow of " + shadow.table;
    if (other.oid != live.oid) lock_targets(session, {other}, std::chrono::seconds(0));
    spdlog::info("{}: it is dropped (--discard)", described(shadow));
    drop_shadow(session, schema, shadow.table_oid);
    for (const char* table :
         {name_of_checkpoints(Checkpoints::Of::shadows), name_of_dead_letters(Checkpoints::Of::shadows)})
      session.execute("DELETE FROM " + quote_name(schema, table) + " WHERE projection_name = $1", {shadow.projection});
  }
  drop_shadow(session, schema, live.oid);
}

}  // namespace rebuild_projection

#include <cstdlib>

#include "tests/end_to_end/shapes/odd_names.h"
#include "tests/end_to_end/shapes/source_shape.h"

namespace rebuild_projection::test {

namespace {

/// Ordered by n.
SourceShape numbered(SourceShape shape) {
  shape.types.try_emplace("n", "bigint");
  shape.order = {"n"};
  return shape;
}

}  // namespace

std::vector<SourceShape> relation_shapes() {
  constexpr auto all = Refusable::all;
  const std::string with_key = "CREATE TABLE {store} ({columns}, PRIMARY KEY (n));";
  const std::vector<SourceShape> relations{
      {.name = "partitioned_by_range",
       .make = "CREATE TABLE {store} ({columns}, PRIMARY KEY (n)) PARTITION BY RANGE (n);"
               "CREATE TABLE p_1 PARTITION OF {store} FOR VALUES FROM (0) TO (15);"
               "CREATE TABLE p_2 PARTITION OF {store} DEFAULT"},
      {.name = "partitioned_by_hash",
       .make = "CREATE TABLE {store} ({columns}, PRIMARY KEY (n)) PARTITION BY HASH (n);"
               "CREATE TABLE p_1 PARTITION OF {store} FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
               "CREATE TABLE p_2 PARTITION OF {store} FOR VALUES WITH (MODULUS 2, REMAINDER 1)"},
      {.name = "partitioned_by_kind_and_order_of_columns",
       .make = "CREATE TABLE {store} ({columns}) PARTITION BY LIST (kind); CREATE TABLE p_1 (body jsonb, kind "
               "text, n bigint,"
               " id uuid, stream text, ts timestamptz); ALTER TABLE {store} ATTACH PARTITION p_1 FOR VALUES IN "
               "('put');"
               "CREATE TABLE p_2 PARTITION OF {store} DEFAULT; CREATE UNIQUE INDEX ON {store} (n, kind)"},
      {.name = "inherited",
       .make = with_key + "CREATE TABLE child (more text, PRIMARY KEY (n)) INHERITS ({store})",
       .around = "WITH moved AS (DELETE FROM ONLY {store} WHERE n % 2 = 0 RETURNING *) INSERT INTO child SELECT * "
                 "FROM moved"},
      {.name = "inherited_twice_with_equal_positions",
       .make = with_key + "CREATE TABLE child () INHERITS ({store}); CREATE TABLE grandchild () INHERITS (child)",
       .around = "WITH moved AS (DELETE FROM ONLY {store} WHERE n > 20 RETURNING *) INSERT INTO grandchild SELECT "
                 "* FROM moved"},
      {.name = "view",
       .make = with_key + "CREATE VIEW seen AS SELECT body AS b, * FROM {store} WHERE n > 0",
       .from = "seen"},
      {.name = "view_with_other_columns_names",
       .make = "CREATE TABLE base (n bigint PRIMARY KEY, id uuid, ts timestamptz, kind text, stream text, body jsonb);"
               "CREATE VIEW {store} AS SELECT * FROM base"},
      {.name = "view_of_a_union",
       .make = with_key + "CREATE VIEW seen AS SELECT * FROM {store} WHERE n % 2 = 0 UNION ALL SELECT * FROM "
                          "{store} WHERE n % 2 = 1",
       .from = "seen"},
      {.name = "view_with_an_order_of_its_own",
       .make = with_key + "CREATE VIEW seen AS SELECT * FROM {store} ORDER BY md5(n::text)",
       .from = "seen"},
      {.name = "materialized_view",
       .make = with_key + "CREATE MATERIALIZED VIEW seen AS SELECT * FROM {store} WITH NO DATA",
       .from = "seen",
       // As soon as events come.
       .around = "REFRESH MATERIALIZED VIEW seen; CREATE FUNCTION refresh() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN REFRESH MATERIALIZED VIEW public.seen; RETURN NULL; END'; CREATE TRIGGER g AFTER INSERT "
                 "ON {store}"
                 " EXECUTE FUNCTION refresh()",
       .may_refuse = all},
      {.name = "select", .make = with_key, .from = "(SELECT * FROM public.{store} AS e WHERE e.kind <> 'none')"},
      {.name = "select_that_ends_in_a_remark",
       .make = with_key,
       .from = "(SELECT * FROM public.{store} -- all of it\n)"},
      {.name = "select_with_clauses",
       .make = with_key,
       .from = "(WITH e AS (SELECT * FROM public.{store}) SELECT e.* FROM e ORDER BY e.n DESC LIMIT 1000)"},
      {.name = "select_of_a_join",
       .make = "CREATE TABLE {store} ({columns}, PRIMARY KEY (n)); CREATE TABLE kinds AS SELECT DISTINCT kind AS "
               "named FROM oracle.log",
       .from = "(SELECT e.* FROM public.{store} AS e JOIN public.kinds AS k ON k.named = e.kind)"},
      {.name = "unlogged", .make = "CREATE UNLOGGED TABLE {store} ({columns}, PRIMARY KEY (n))"},
      {.name = "with_policies_for_its_owner",
       .make = with_key,
       .around = "ALTER TABLE {store} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {store} USING (n < 10)"},
      {.name = "with_policies_that_hide_events",
       .make = with_key,
       .around = "ALTER TABLE {store} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {store} USING (n < 10)",
       .grants = "GRANT SELECT ON {store} TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
       .may_refuse = all},
      {.name = "with_policies_below_a_view",
       .make = with_key + "CREATE VIEW seen WITH (security_invoker = true) AS SELECT * FROM {store}",
       .from = "seen",
       .around = "ALTER TABLE {store} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {store} USING (n < 10)",
       .grants = "GRANT SELECT ON {store}, seen TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
       .may_refuse = all},
      {.name = "with_generated_columns",
       .types = {{"kind", "text GENERATED ALWAYS AS (body->>'kind') STORED"}},
       .values = {{"kind", ""}, {"body", "body || jsonb_build_object('kind', kind)"}}},
      {.name = "with_dropped_columns",
       .make = "CREATE TABLE {store} (gone integer, {columns}, gone_too text, PRIMARY KEY (n)); ALTER TABLE "
               "{store} DROP gone,"
               " DROP gone_too"},
      {.name = "with_nulls_and_defaults",
       .make = with_key,
       .around = "ALTER TABLE {store} ALTER kind SET DEFAULT 'put', ALTER stream SET DEFAULT 'a'"},
      {.name = "with_triggers_and_rules",
       .make = with_key,
       .around =
           "CREATE RULE r AS ON UPDATE TO {store} DO INSTEAD NOTHING; CREATE FUNCTION leave_out() RETURNS trigger "
           "LANGUAGE plpgsql"
           " AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER g BEFORE DELETE ON {store} FOR EACH ROW EXECUTE "
           "FUNCTION leave_out()"},
      {.name = "with_a_partial_index_alone",
       .make = "CREATE TABLE {store} ({columns}); CREATE UNIQUE INDEX ON {store} (n) WHERE n > 10",
       .may_refuse = all},
      {.name = "with_a_brin_index_alone",
       .make = "CREATE TABLE {store} ({columns}); CREATE INDEX ON {store} USING brin (n)"},
      {.name = "with_an_index_of_other_order",
       .make = "CREATE TABLE {store} ({columns}); CREATE UNIQUE INDEX ON {store} (n DESC NULLS LAST)"},
      {.name = "with_an_invalid_index",
       .make = "CREATE TABLE {store} ({columns}); CREATE UNIQUE INDEX key_of_store ON {store} (n);"
               "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'key_of_store'::regclass"}};
  std::vector<SourceShape> shapes;
  for (const SourceShape& shape : relations) shapes.push_back(numbered(shape));
  for (SourceShape& shape : shapes) shape.name = "store_" + shape.name;

  const std::vector<std::string>& names = odd_names();
  const std::vector<std::string> columns{"n", "id", "ts", "kind", "stream", "body"};
  const std::size_t step = std::getenv("REBUILD_PROJECTION_STRESS") == nullptr ? columns.size() : 1;
  for (std::size_t first = 0; first < names.size(); first += step) {
    SourceShape shape = numbered({.name = "store_columns_named_" + std::to_string(first),
                                  .make = "CREATE TABLE {store} ({columns}, PRIMARY KEY ({order}))"});
    for (std::size_t column = 0; column < columns.size(); ++column)
      shape.names[columns[column]] = names[(first + column) % names.size()];
    shape.store = names[(first + columns.size()) % names.size()];
    if (shape.store.find('.') != std::string::npos) shape.store = "dotless";
    // What begins so is a query.
    if (shape.store.starts_with("(")) shape.store = "closed";
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace rebuild_projection::test

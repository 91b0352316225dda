#include "tests/end_to_end/shapes/target_shape.h"

namespace rebuild_projection::test {

namespace {

const std::string plain = "CREATE TABLE t ({columns}, PRIMARY KEY (id));";
const std::string in_two_parts =
    "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
    "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO ('d');"
    "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM ('d') TO (MAXVALUE);";
const std::string audit =
    "CREATE TABLE audit (what text, old text, new text); INSERT INTO audit VALUES ('theirs');"
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit VALUES (TG_OP, "
    "TG_LEVEL,"
    " TG_NAME); RETURN coalesce(NEW, OLD); END $$;";

}  // namespace

std::vector<TargetShape> surrounding_shapes() {
  constexpr auto writes = Refusable::in_place | Refusable::shadow;
  constexpr auto all = Refusable::all;
  std::vector<TargetShape> shapes;
  const auto trigger = [&](const std::string& name, const std::string& table, const std::string& sql,
                           Refusable may_refuse) {
    shapes.push_back({.name = "trigger_" + name, .table = table, .around = audit + sql, .may_refuse = may_refuse});
  };
  const std::string runs = " EXECUTE FUNCTION note();";
  trigger("before_each_row", plain, "CREATE TRIGGER g BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW" + runs,
          writes);
  trigger("after_each_row", plain, "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW" + runs,
          writes);
  trigger("after_each_statement", plain, "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t" + runs, writes);
  trigger("on_truncate", plain, "CREATE TRIGGER g BEFORE TRUNCATE ON t" + runs, writes);
  trigger("when_never", plain, "CREATE TRIGGER g AFTER UPDATE OF label ON t FOR EACH ROW WHEN (false)" + runs, writes);
  trigger("constraint", plain,
          "CREATE CONSTRAINT TRIGGER g AFTER INSERT OR DELETE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH"
          " ROW" +
              runs,
          writes);
  trigger(
      "disabled", plain,
      "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW" + runs + "ALTER TABLE t DISABLE TRIGGER g",
      Refusable::nothing);
  trigger("for_replicas", plain,
          "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW" + runs +
              "ALTER TABLE t ENABLE REPLICA TRIGGER g",
          writes);
  trigger("always", plain,
          "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW" + runs +
              "ALTER TABLE t ENABLE ALWAYS TRIGGER g",
          writes);
  trigger("on_a_partition", in_two_parts,
          "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t_2 FOR EACH ROW" + runs, writes);
  trigger("on_partitions_but_for_one", in_two_parts,
          "CREATE TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW" + runs +
              "ALTER TABLE t_1 DISABLE TRIGGER g",
          writes);
  trigger("that_leaves_rows_out", plain,
          "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
          "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION leave_out()",
          writes);

  const std::vector<TargetShape> others{
      {.name = "rule_on_delete",
       .table = plain,
       .around = "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
       .may_refuse = writes},
      {.name = "rule_on_insert_also",
       .table = plain,
       .around = audit + "CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO audit VALUES ('rule')",
       .may_refuse = writes},
      {.name = "rule_on_a_partition",
       .table = in_two_parts,
       .around = "CREATE RULE r AS ON UPDATE TO t_1 DO INSTEAD NOTHING",
       .may_refuse = writes},
      {.name = "rule_disabled",
       .table = plain,
       .around =
           audit +
           "CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO audit VALUES ('rule'); ALTER TABLE t DISABLE RULE r",
       .may_refuse = writes},
      {.name = "policy_for_the_owner",
       .table = plain,
       .around = "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id > 'b')"},
      {.name = "policy_forced_on_all_but_superusers",
       .table = plain,
       .around =
           "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id > 'b')"},
      {.name = "policy_that_hides_rows",
       .table = plain,
       .around = "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id > 'b')",
       .grants = "GRANT ALL ON t TO {role}",
       .may_refuse = all},
      {.name = "policy_on_a_partition",
       .table = in_two_parts,
       .around = "ALTER TABLE t_2 ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t_2 USING (id > 'd')",
       .grants = "GRANT ALL ON t, t_1, t_2 TO {role}",
       .may_refuse = all},
      {.name = "policy_forced_on_the_owner",
       .table = plain,
       .around =
           "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id > 'b')",
       .grants = "ALTER TABLE t OWNER TO {role}",
       .may_refuse = all},
      {.name = "owned_by_another_role",
       .table = plain,
       .grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {role}"},
      {.name = "partitions_owned_by_others",
       .table = in_two_parts,
       .grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {role}"},
      {.name = "grants_of_columns_alone",
       .table = plain,
       .grants = "GRANT SELECT (id, v), INSERT (id, v), UPDATE (id, v) ON t TO {role}; GRANT DELETE ON t TO {role}",
       .may_refuse = all},
      {.name = "grants_of_all_columns",
       .table = plain,
       .grants = "GRANT SELECT (id, v, total, label, slot, parent, at), INSERT (id, v, total, label, slot, parent, at),"
                 " UPDATE (id, v, total, label, slot, parent, at) ON t TO {role}; GRANT DELETE ON t TO {role}",
       .may_refuse = all},
      {.name = "without_delete",
       .table = plain,
       .grants = "GRANT SELECT, INSERT, UPDATE ON t TO {role}",
       .may_refuse = writes},
      {.name = "view_over_it",
       .table = plain,
       .around = "CREATE VIEW seen AS SELECT * FROM t; CREATE MATERIALIZED VIEW kept AS SELECT id FROM t"},
      {.name = "statistics_of_it",
       .table = plain,
       .around = "ALTER TABLE t ALTER v SET STATISTICS 7, ALTER label SET (n_distinct = -0.5);"
                 "CREATE STATISTICS more ON v, slot FROM t; COMMENT ON COLUMN t.v IS 'theirs'"},
      {.name = "cluster_index", .table = plain, .around = "CREATE INDEX by_v ON t (v); ALTER TABLE t CLUSTER ON by_v"},
      {.name = "in_a_tablespace_of_its_own", .table = plain, .around = "ALTER TABLE t SET (toast_tuple_target = 128)"},
      {.name = "check_across_columns",
       .table = plain,
       .around = "ALTER TABLE t ADD CHECK (total >= v - 100 AND id <> '')"},
      {.name = "check_not_valid", .table = plain, .around = "ALTER TABLE t ADD CHECK (v < 500) NOT VALID"},
  };
  shapes.insert(shapes.end(), others.begin(), others.end());

  for (const auto& [name, identity] : std::vector<std::pair<std::string, std::string>>{
           {"default", "DEFAULT"}, {"full", "FULL"}, {"nothing", "NOTHING"}, {"index", "USING INDEX by_id"}}) {
    // With NOTHING the server refuses each UPDATE and DELETE.
    const Refusable may_refuse = name == std::string("nothing") ? writes : Refusable::nothing;
    const std::string index = "CREATE UNIQUE INDEX by_id ON t (id); ALTER TABLE t ALTER id SET NOT NULL;";
    shapes.push_back(
        {.name = "published_with_identity_" + name,
         .table = plain,
         .around = index + "ALTER TABLE t REPLICA IDENTITY " + identity + "; CREATE PUBLICATION published FOR TABLE t",
         .may_refuse = may_refuse});
  }
  shapes.push_back({.name = "published_without_a_key",
                    .table = "CREATE TABLE t ({columns}); CREATE UNIQUE INDEX ON t (id)",
                    .around = "CREATE PUBLICATION published FOR ALL TABLES",
                    .may_refuse = writes});
  shapes.push_back({.name = "published_for_inserts_without_a_key",
                    .table = "CREATE TABLE t ({columns}); CREATE UNIQUE INDEX ON t (id)",
                    .around = "CREATE PUBLICATION published FOR TABLE t WITH (publish = 'insert')"});
  shapes.push_back({.name = "published_in_part",
                    .table = plain,
                    .around = "CREATE PUBLICATION published FOR TABLE t (id, v) WHERE (id > 'b')"});
  shapes.push_back({.name = "published_where_one_partition_has_no_identity",
                    .table = in_two_parts,
                    .around = "ALTER TABLE t_2 REPLICA IDENTITY NOTHING; CREATE PUBLICATION published FOR TABLE t",
                    .may_refuse = writes});
  shapes.push_back({.name = "published_where_one_partition_is",
                    .table = in_two_parts,
                    .around = "ALTER TABLE t_2 REPLICA IDENTITY NOTHING; CREATE PUBLICATION published FOR TABLE t_2",
                    .may_refuse = writes});
  shapes.push_back(
      {.name = "published_by_its_schema",
       .table = in_two_parts,
       .around = "ALTER TABLE t_1 REPLICA IDENTITY NOTHING; CREATE PUBLICATION published FOR TABLES IN SCHEMA public",
       .may_refuse = writes});
  return shapes;
}

}  // namespace rebuild_projection::test

#include "tests/end_to_end/shapes/target_shape.h"

namespace rebuild_projection::test {

namespace {

const std::string plain = "CREATE TABLE t ({columns}, PRIMARY KEY (id));";

/// A row's parent once more, in a table of its own that refers to t and is rebuilt together with it.
TargetShape links(const std::string& name, const std::string& constraint, const std::string& more = "",
                  Refusable may_refuse = Refusable::in_place) {
  return {
      .name = name,
      .table = plain + more,
      .beside = {{.table = "links",
                  .make = "CREATE TABLE links (id text PRIMARY KEY " + constraint + ", parent text " + constraint + ")",
                  .fill = "INSERT INTO links SELECT id, parent FROM want WHERE parent IS NOT NULL",
                  .file = R"(
key = ["id"]
[[on]]
event = "parent"
when = { "/none" = { exists = false } }
key = { id = "@stream_id" }
set = { parent = "/parent" }
[[on]]
event = ["removed", "parent"]
when = { "/none" = { exists = true } }
key = { id = "@stream_id" }
delete = true
)",
                  .live = "TABLE links",
                  .want = "SELECT id, parent FROM want WHERE parent IS NOT NULL"}},
      .may_refuse = may_refuse};
}

}  // namespace

std::vector<TargetShape> foreign_key_shapes() {
  constexpr auto in_place = Refusable::in_place;
  constexpr auto all_writes = Refusable::in_place | Refusable::shadow;
  std::vector<TargetShape> shapes{
      {.name = "refers_to_a_table",
       .table =
           "CREATE TABLE kinds (v integer PRIMARY KEY); INSERT INTO kinds SELECT generate_series(-10, 100);"
           "CREATE TABLE t ({columns}, PRIMARY KEY (id), FOREIGN KEY (v) REFERENCES kinds ON UPDATE CASCADE ON DELETE"
           " CASCADE)"},
      {.name = "refers_to_a_partition",
       .table =
           "CREATE TABLE kinds (v integer PRIMARY KEY) PARTITION BY RANGE (v); CREATE TABLE kinds_1 PARTITION OF kinds"
           " DEFAULT; INSERT INTO kinds SELECT generate_series(-10, 100);"
           "CREATE TABLE t ({columns}, PRIMARY KEY (id), FOREIGN KEY (v) REFERENCES kinds_1)"},
      {.name = "refers_to_itself",
       .table = plain + "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES t",
       .may_refuse = in_place},
      {.name = "not_validated",
       .table = plain + "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES t NOT VALID",
       .may_refuse = in_place},
      // A partition's child is not the whole's.
      {.name = "referred_to_from_far",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY LIST (id); CREATE TABLE t_a PARTITION OF t"
                " FOR VALUES IN ('a', 'b'); CREATE TABLE t_rest PARTITION OF t DEFAULT",
       .around =
           "CREATE TABLE notes (t_id text REFERENCES t_a ON DELETE CASCADE, note text); INSERT INTO notes VALUES ('a',"
           " 'precious')",
       .may_refuse = all_writes},
      {.name = "referred_to_at_another_column",
       .table = plain + "ALTER TABLE t ADD UNIQUE (v)",
       .around = "CREATE TABLE notes (v integer REFERENCES t (v) ON UPDATE CASCADE, note text)",
       .may_refuse = all_writes},
      {.name = "partitioned_and_refers_to_itself",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY HASH (id);"
                "CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
                "CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
                "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES t",
       .may_refuse = in_place},
      {.name = "a_partition_refers_to_the_whole",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY HASH (id);"
                "CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
                "CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
                "ALTER TABLE t_1 ADD FOREIGN KEY (parent) REFERENCES t",
       .may_refuse = in_place},
      {.name = "refers_to_itself_and_is_unique",
       .table = plain + "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES t, ADD UNIQUE (slot)",
       .may_refuse = in_place},
  };
  for (const auto& [name, action] : std::vector<std::pair<std::string, std::string>>{{"no_action", "NO ACTION"},
                                                                                     {"restrict", "RESTRICT"},
                                                                                     {"cascade", "CASCADE"},
                                                                                     {"set_null", "SET NULL"},
                                                                                     {"set_default", "SET DEFAULT"}}) {
    const std::string both = " ON DELETE " + action + " ON UPDATE " + action;
    // Others' rows refer to rows that stay.
    const auto referred = [&](const std::string& kind, const std::string& constraint) {
      shapes.push_back({.name = "referred_to_" + kind + name,
                        .table = plain,
                        .around = "CREATE TABLE notes (t_id text DEFAULT 'b' REFERENCES t" + constraint +
                                  ", note text); INSERT INTO notes VALUES ('a', 'precious'), ('b', 'too')",
                        .may_refuse = all_writes});
    };
    referred("", both);
    referred("deferred_", both + " DEFERRABLE INITIALLY DEFERRED");
    shapes.push_back({.name = "refers_to_itself_" + name,
                      .table = plain + "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES t" + both,
                      .may_refuse = action == "NO ACTION" || action == "RESTRICT" ? in_place : all_writes});
    shapes.push_back(links("selected_tables_" + name, "REFERENCES t" + both, "",
                           action == "NO ACTION" || action == "RESTRICT" ? in_place : all_writes));
  }
  shapes.push_back(links("selected_tables_deferred", "REFERENCES t DEFERRABLE INITIALLY DEFERRED"));
  shapes.push_back(links("selected_tables_with_a_unique_parent", "REFERENCES t", "ALTER TABLE t ADD UNIQUE (slot)"));
  shapes.push_back(
      {.name = "referred_to_where_others_may_be_asked",
       .table = plain,
       .around = "CREATE TABLE notes (t_id text REFERENCES t, note text); INSERT INTO notes VALUES ('a', 'x')",
       .may_refuse = in_place});
  return shapes;
}

}  // namespace rebuild_projection::test

#include "tests/end_to_end/shapes/target_shape.h"

namespace rebuild_projection::test {

namespace {

const std::string by_range =
    "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
    "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO ('d');"
    "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM ('d') TO (MAXVALUE);";

// A server of the data wrapper that is this one.
const std::string foreign_part =
    "CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA ext; DROP SERVER IF EXISTS here CASCADE;"
    "DO $$ BEGIN EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname"
    " %L)', current_setting('unix_socket_directories'), current_setting('port'), current_database()); END $$;"
    "CREATE USER MAPPING FOR current_user SERVER here; CREATE TABLE far ({columns}, PRIMARY KEY (id));"
    "CREATE TABLE t ({columns}) PARTITION BY RANGE (id); CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO"
    " ('d'); CREATE FOREIGN TABLE t_2 PARTITION OF t FOR VALUES FROM ('d') TO (MAXVALUE) SERVER here OPTIONS"
    " (table_name 'far');";

}  // namespace

std::vector<TargetShape> tree_shapes() {
  constexpr auto in_place = Refusable::in_place;
  constexpr auto all = Refusable::all;
  return {
      {.name = "partitioned_by_list",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY LIST (id);"
                "CREATE TABLE t_ab PARTITION OF t FOR VALUES IN ('a', 'b');"
                "CREATE TABLE t_rest PARTITION OF t FOR VALUES IN ('c', 'd', 'e', 'f', 'g')"},
      {.name = "partitioned_by_range", .table = by_range},
      {.name = "partitioned_by_hash",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY HASH (id);"
                "CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER 0);"
                "CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER 1);"
                "CREATE TABLE t_2 PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER 2)"},
      {.name = "with_a_default_partition",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY LIST (id);"
                "CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE t_rest PARTITION OF t DEFAULT"},
      {.name = "sub_partitioned_with_other_orders_of_columns",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
                "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO ('d') PARTITION BY LIST (id);"
                "CREATE TABLE t_1_a (gone text, total bigint DEFAULT 0, v integer, id text NOT NULL, slot integer,"
                " parent text, at timestamptz, label text); ALTER TABLE t_1_a DROP COLUMN gone;"
                "ALTER TABLE t_1 ATTACH PARTITION t_1_a FOR VALUES IN ('a', 'b');"
                "CREATE TABLE t_1_rest PARTITION OF t_1 DEFAULT;"
                "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM ('d') TO (MAXVALUE)"},
      {.name = "partitioned_by_one_of_two_key_columns",
       .table = "CREATE TABLE t ({columns}, twin text, PRIMARY KEY (twin, id)) PARTITION BY LIST (twin);"
                "CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE t_rest PARTITION OF t DEFAULT",
       .fill = "INSERT INTO t SELECT *, id FROM want",
       .twin = "twin"},
      {.name = "with_unique_indexes_on_partitions",
       .table = by_range + "CREATE UNIQUE INDEX ON t_1 (slot); CREATE UNIQUE INDEX ON t_2 (slot)"},
      {.name = "with_a_default_of_its_own_on_a_partition",
       .table = by_range + "ALTER TABLE t_1 ALTER total SET DEFAULT 1000, ALTER label SET DEFAULT 'part''s own'"},
      {.name = "with_a_check_on_a_partition", .table = by_range + "ALTER TABLE t_2 ADD CHECK (v > 0 AND id >= 'd')"},
      {.name = "with_a_foreign_partition", .table = foreign_part, .may_refuse = all},
      {.name = "a_partition_alone",
       .table = "CREATE TABLE whole ({columns}, PRIMARY KEY (id)) PARTITION BY LIST (id);"
                "CREATE TABLE t PARTITION OF whole DEFAULT; CREATE TABLE z PARTITION OF whole FOR VALUES IN ('z')",
       .around = "INSERT INTO z (id, v) VALUES ('z', 1)"},
      {.name = "unlogged", .table = "CREATE UNLOGGED TABLE t ({columns}, PRIMARY KEY (id))", .may_refuse = in_place},
      {.name = "unlogged_in_part", .table = by_range + "ALTER TABLE t_2 SET UNLOGGED", .may_refuse = in_place},
      {.name = "with_a_detached_partition",
       .table = by_range + "CREATE TABLE t_0 (LIKE t); INSERT INTO t_0 (id) VALUES ('a')"},
      {.name = "a_parent_with_a_child",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)); CREATE TABLE child (more text) INHERITS (t)",
       .around = "WITH moved AS (DELETE FROM ONLY t WHERE id = 'b' RETURNING *) INSERT INTO child SELECT * FROM moved",
       .may_refuse = all},
      {.name = "a_child",
       .table = "CREATE TABLE mother (id text, v integer, more text);"
                "CREATE TABLE t ({columns}, PRIMARY KEY (id)) INHERITS (mother)",
       .around = "INSERT INTO mother VALUES ('z', 1, 'theirs')"},
      {.name = "a_child_with_a_child",
       .table = "CREATE TABLE mother (id text); CREATE TABLE t ({columns}, PRIMARY KEY (id)) INHERITS (mother);"
                "CREATE TABLE child () INHERITS (t)",
       .around = "WITH moved AS (DELETE FROM ONLY t WHERE id = 'b' RETURNING *) INSERT INTO child SELECT * FROM moved",
       .may_refuse = all},
      {.name = "with_little_room_on_pages",
       .table = "CREATE TABLE t ({columns}, PRIMARY KEY (id)) WITH (fillfactor = 10, autovacuum_enabled = off)"},
      {.name = "of_a_type",
       .table = "CREATE TYPE row_of_t AS (id text, v integer, total bigint, label text, slot integer, parent text, at"
                " timestamptz); CREATE TABLE t OF row_of_t (PRIMARY KEY (id), total WITH OPTIONS DEFAULT 0)"},
  };
}

}  // namespace rebuild_projection::test

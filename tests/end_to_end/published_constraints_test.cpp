// Without this file a state that the events passed through could be one that a constraint forbids on the way: it could
// not be published, or not be undone.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

/// Rows as they are and as the events say: publishing leads from the former to the latter, undoing back.
struct Shape {
  const char* name;
  const char* tables;       ///< those of the projections, and others' tables
  const char* projections;  ///< "table(key, ...; column, ...)", one behind the other
  const char* wanted;       ///< INSERT statements
  const char* live;
  const char* others = "";  ///< INSERT statements for others' tables, which hold beside both
};

const Shape shapes[] = {
    {"APartialIndex",
     "CREATE TABLE cards (u int, c int, active boolean, PRIMARY KEY (u, c)); CREATE UNIQUE INDEX ON cards (u) WHERE "
     "active",
     "cards(u, c; active)", "INSERT INTO cards VALUES (1, 1, true), (1, 2, false), (2, 1, true)",
     "INSERT INTO cards VALUES (1, 1, false), (1, 2, true), (2, 1, true)"},
    {"APartialIndexOfRowsThatOthersRestrict",
     "CREATE TABLE cards (u int, c int, active boolean NOT NULL, PRIMARY KEY (u, c)); CREATE UNIQUE INDEX ON cards (u) "
     "WHERE active; CREATE TABLE uses (u int, c int, FOREIGN KEY (u, c) REFERENCES cards ON DELETE RESTRICT)",
     "cards(u, c; active)", "INSERT INTO cards VALUES (1, 1, true), (1, 2, false)",
     "INSERT INTO cards VALUES (1, 1, false), (1, 2, true)", "INSERT INTO uses VALUES (1, 1), (1, 2)"},
    {"APartialIndexOfWhatIsNot",
     "CREATE TABLE cards (u int, c int, gone boolean NOT NULL, kind varchar(4) NOT NULL, PRIMARY KEY (u, c)); CREATE "
     "UNIQUE INDEX ON cards (u) WHERE NOT gone AND kind = 'main'; CREATE TABLE uses (u int, c int, FOREIGN KEY (u, c) "
     "REFERENCES cards ON DELETE RESTRICT)",
     "cards(u, c; gone, kind)", "INSERT INTO cards VALUES (1, 1, false, 'main'), (1, 2, false, 'side')",
     "INSERT INTO cards VALUES (1, 1, true, 'main'), (1, 2, false, 'main')", "INSERT INTO uses VALUES (1, 1), (1, 2)"},
    {"APartOfTheKey", "CREATE TABLE t (a int, b int, v text, PRIMARY KEY (a, b), UNIQUE (a))", "t(a, b; v)",
     "INSERT INTO t VALUES (1, 2, 'new'), (2, 2, 'equal')", "INSERT INTO t VALUES (1, 1, 'old'), (2, 2, 'equal')"},
    {"APartOfTheKeyThatOthersReferTo",
     "CREATE TABLE t (a int, b int, v text, PRIMARY KEY (a, b), UNIQUE (a)); CREATE TABLE other (a int REFERENCES t "
     "(a))",
     "t(a, b; v)", "INSERT INTO t VALUES (1, 2, 'new')", "INSERT INTO t VALUES (1, 1, 'old')",
     "INSERT INTO other VALUES (1)"},
    {"APartOfTheKeyThatOthersRestrict",
     "CREATE TABLE t (a int, b int, v text, note text DEFAULT 'new', own int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY "
     "(a, b), UNIQUE (a)); CREATE TABLE other (a int REFERENCES t (a) ON DELETE RESTRICT)",
     "t(a, b; v)", "INSERT INTO t VALUES (1, 2, 'new'), (2, 1, 'other way')",
     "INSERT INTO t VALUES (1, 1, 'old', 'mine'), (2, 2, 'old', 'mine')", "INSERT INTO other VALUES (1), (2)"},
    {"ARing", "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL UNIQUE, note text)", "t(id; n)",
     "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)", "INSERT INTO t VALUES (1, 2), (2, 3), (3, 1), (4, 4)"},
    {"ARingThatOthersRestrict",
     "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL UNIQUE, code varchar(8) NOT NULL UNIQUE, at timestamptz "
     "UNIQUE, "
     "u uuid NOT NULL UNIQUE); CREATE TABLE other (id int REFERENCES t ON DELETE RESTRICT)",
     "t(id; n, code, at, u)",
     "INSERT INTO t SELECT i, i, 'code ' || i, timestamptz '2025-01-01Z' + i * interval '1 day', lpad(i::text, 32, "
     "'0')::uuid FROM generate_series(1, 3) AS i",
     "INSERT INTO t SELECT i % 3 + 1, i, 'code ' || i, timestamptz '2025-01-01Z' + i * interval '1 day', "
     "lpad(i::text, 32, '0')::uuid FROM generate_series(1, 3) AS i",
     "INSERT INTO other VALUES (1), (2), (3)"},
    {"AShift", "CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE)", "t(id; n)",
     "INSERT INTO t SELECT i, i FROM generate_series(2, 100) AS i",
     "INSERT INTO t SELECT i, i + 1 FROM generate_series(1, 99) AS i"},
    {"AnExpression", "CREATE TABLE t (id int PRIMARY KEY, mail text); CREATE UNIQUE INDEX ON t (lower(mail))",
     "t(id; mail)", "INSERT INTO t VALUES (1, 'A'), (2, 'b')", "INSERT INTO t VALUES (1, 'B'), (2, 'a')"},
    {"AnExpressionOfRowsThatOthersRestrict",
     "CREATE TABLE t (id int PRIMARY KEY, mail text NOT NULL); CREATE UNIQUE INDEX ON t (lower(mail)); CREATE TABLE "
     "other (id int REFERENCES t ON DELETE RESTRICT)",
     "t(id; mail)", "INSERT INTO t VALUES (1, 'A'), (2, 'b')", "INSERT INTO t VALUES (1, 'B'), (2, 'a')",
     "INSERT INTO other VALUES (1), (2)"},
    {"AGeneratedColumn",
     "CREATE TABLE t (id int PRIMARY KEY, mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED UNIQUE, own int "
     "GENERATED ALWAYS AS IDENTITY)",
     "t(id; mail)", "INSERT INTO t VALUES (1, 'A'), (2, 'b')", "INSERT INTO t VALUES (1, 'B'), (2, 'a')"},
    {"AGeneratedColumnOfRowsThatOthersRestrict",
     "CREATE TABLE t (id int PRIMARY KEY, mail text NOT NULL, low text GENERATED ALWAYS AS (lower(mail)) STORED "
     "UNIQUE);"
     "CREATE TABLE other (id int REFERENCES t ON DELETE RESTRICT)",
     "t(id; mail)", "INSERT INTO t VALUES (1, 'A'), (2, 'b')", "INSERT INTO t VALUES (1, 'B'), (2, 'a')",
     "INSERT INTO other VALUES (1), (2)"},
    {"ChecksOfRowsThatOthersRestrict",
     "CREATE DOMAIN place AS int CHECK (value > 0); CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL UNIQUE CHECK (n "
     "> "
     "0), m place NOT NULL UNIQUE, o int UNIQUE CHECK (o IS NOT NULL)); CREATE TABLE other (id int REFERENCES t ON "
     "DELETE RESTRICT)",
     "t(id; n, m, o)", "INSERT INTO t VALUES (1, 1, 1, 1), (2, 2, 2, 2)",
     "INSERT INTO t VALUES (1, 2, 2, 2), (2, 1, 1, 1)", "INSERT INTO other VALUES (1), (2)"},
    {"ManyTypesOfRowsThatOthersRestrict",
     "CREATE TYPE color AS ENUM ('red', 'green', 'blue', 'grey'); CREATE TABLE t (id int PRIMARY KEY, s smallint NOT "
     "NULL UNIQUE, c time NOT NULL UNIQUE, d interval NOT NULL UNIQUE, h inet NOT NULL, b bytea NOT NULL UNIQUE, j "
     "jsonb NOT NULL UNIQUE, e color NOT NULL UNIQUE, EXCLUDE USING gist (h inet_ops WITH &&)); CREATE TABLE other (id "
     "int REFERENCES t ON DELETE RESTRICT)",
     "t(id; s, c, d, h, b, j, e)",
     "INSERT INTO t VALUES (1, -32768, '00:00', '1 day', '10.0.0.1', '\\x01', '[1]', 'red'), (2, 1, '01:00', '2 days', "
     "'10.0.0.2', '\\x02', '[2]', 'blue')",
     "INSERT INTO t VALUES (2, -32768, '00:00', '1 day', '10.0.0.1', '\\x01', '[1]', 'red'), (1, 1, '01:00', '2 days', "
     "'10.0.0.2', '\\x02', '[2]', 'blue')",
     "INSERT INTO other VALUES (1), (2)"},
    {"NullsNotDistinct", "CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE NULLS NOT DISTINCT)", "t(id; n)",
     "INSERT INTO t VALUES (1, NULL), (2, 5)", "INSERT INTO t VALUES (1, 5), (2, NULL)"},
    {"NullsNotDistinctThatOthersRestrict",
     "CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE NULLS NOT DISTINCT); CREATE TABLE other (id int REFERENCES t ON "
     "DELETE RESTRICT)",
     "t(id; n)", "INSERT INTO t VALUES (1, NULL), (2, 5)", "INSERT INTO t VALUES (1, 5), (2, NULL)",
     "INSERT INTO other VALUES (1), (2)"},
    {"AnExclusion",
     "CREATE TABLE t (id int PRIMARY KEY, during int4range NOT NULL, EXCLUDE USING gist (during WITH &&))",
     "t(id; during)", "INSERT INTO t VALUES (1, '[1,5)'), (2, '[5,9)'), (3, '[20,30)')",
     "INSERT INTO t VALUES (1, '[4,9)'), (2, '[1,3)'), (4, '[21,22)')"},
    {"AnExclusionThatOthersRestrict",
     "CREATE TABLE t (id int PRIMARY KEY, during int4range NOT NULL, EXCLUDE USING gist (during WITH &&)); CREATE "
     "TABLE "
     "other (id int REFERENCES t ON DELETE RESTRICT)",
     "t(id; during)", "INSERT INTO t VALUES (1, '[1,5)'), (2, '[5,9)'), (3, '[20,30)')",
     "INSERT INTO t VALUES (1, '[4,9)'), (2, '[1,3)'), (4, '[21,22)')", "INSERT INTO other VALUES (1), (2)"},
    {"WhatIsDeferrable",
     "CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE DEFERRABLE, m int REFERENCES t DEFERRABLE, during int4range, "
     "EXCLUDE USING gist (during WITH &&) DEFERRABLE)",
     "t(id; n, m, during)", "INSERT INTO t VALUES (1, 1, 2, '[1,5)'), (2, 2, 1, '[5,9)')",
     "INSERT INTO t VALUES (1, 2, 1, '[5,9)'), (2, 1, 2, '[1,5)')"},
    {"ATree", "CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff)", "staff(id; boss)",
     "INSERT INTO staff VALUES (1, 2), (2, 4), (4, NULL)", "INSERT INTO staff VALUES (1, NULL), (2, 1), (3, 2)"},
    {"ATreeWhoseRootsReferToThemselves", "CREATE TABLE staff (id int PRIMARY KEY, boss int NOT NULL REFERENCES staff)",
     "staff(id; boss)", "INSERT INTO staff VALUES (1, 2), (2, 1), (5, 5)",
     "INSERT INTO staff VALUES (1, 1), (3, 4), (4, 3)"},
    {"ATreeThatRestricts",
     "CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff ON DELETE RESTRICT, n int UNIQUE)",
     "staff(id; boss, n)", "INSERT INTO staff VALUES (1, 2, 1), (2, NULL, 2)",
     "INSERT INTO staff VALUES (1, NULL, 2), (2, 3, 1), (3, 1, 3)"},
    {"ATreeThatCascades",
     "CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff ON DELETE CASCADE, n int UNIQUE)",
     "staff(id; boss, n)", "INSERT INTO staff VALUES (1, 2, 1), (2, NULL, 2), (9, 1, 9)",
     "INSERT INTO staff VALUES (1, NULL, 2), (2, 3, 1), (3, 1, 3), (9, 1, 9)"},
    {"AParentWithAUniqueColumn",
     "CREATE TABLE orders (id int PRIMARY KEY, number text UNIQUE); CREATE TABLE lines (id int PRIMARY KEY, order_id "
     "int "
     "NOT NULL REFERENCES orders)",
     "orders(id; number) lines(id; order_id)",
     "INSERT INTO orders VALUES (1, 'B'), (3, 'A'); INSERT INTO lines VALUES (10, 1), (11, 3), (12, 1)",
     "INSERT INTO orders VALUES (1, 'A'), (2, 'B'); INSERT INTO lines VALUES (10, 1), (20, 2), (12, 2)"},
    {"AParentWhoseChildrenCascade",
     "CREATE TABLE orders (id int PRIMARY KEY, number text NOT NULL UNIQUE); CREATE TABLE lines (id int PRIMARY KEY, "
     "order_id int REFERENCES orders ON DELETE CASCADE); CREATE TABLE notes (id int PRIMARY KEY, order_id int "
     "REFERENCES "
     "orders ON DELETE SET NULL)",
     "orders(id; number) lines(id; order_id) notes(id; order_id)",
     "INSERT INTO orders VALUES (1, 'B'), (3, 'A'); INSERT INTO lines VALUES (10, 1), (11, 3), (12, 1); INSERT INTO "
     "notes VALUES (1, 1), (2, NULL)",
     "INSERT INTO orders VALUES (1, 'A'), (3, 'B'), (4, 'C'); INSERT INTO lines VALUES (10, 1), (20, 4), (12, 4); "
     "INSERT INTO notes VALUES (1, 4), (2, 4)"},
    {"TablesThatReferToEachOther",
     "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a); "
     "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b",
     "a(id; b) b(id; a)", "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1, 2), (2, 1); UPDATE a SET b = id",
     "INSERT INTO a VALUES (2), (3); INSERT INTO b VALUES (2, 3), (3, 2); UPDATE a SET b = id"},
    {"AUniqueColumnThatIsReferredTo",
     "CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE); CREATE TABLE child (id int PRIMARY KEY, code text NOT "
     "NULL "
     "REFERENCES t (code)); CREATE TABLE other (code text REFERENCES t (code))",
     "t(id; code) child(id; code)",
     "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO child VALUES (1, 'a'), (2, 'c')",
     "INSERT INTO t VALUES (1, 'b'), (2, 'a'), (4, 'd'); INSERT INTO child VALUES (1, 'b'), (2, 'd')",
     "INSERT INTO other VALUES ('a'), ('b')"},
    {"AUniqueColumnWhoseChangesOthersRestrict",
     "CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE); CREATE TABLE other (code text REFERENCES t (code) ON "
     "UPDATE "
     "RESTRICT)",
     "t(id; code)", "INSERT INTO t VALUES (1, 'x'), (2, 'a')", "INSERT INTO t VALUES (1, 'a')",
     "INSERT INTO other VALUES ('a')"},
    {"Partitions",
     "CREATE TABLE t (region text, id int, n int, PRIMARY KEY (region, id), UNIQUE (region, n)) PARTITION BY LIST "
     "(region); CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE t_b PARTITION OF t DEFAULT; CREATE "
     "UNIQUE INDEX ON t_b (n); CREATE TABLE other (region text, id int, FOREIGN KEY (region, id) REFERENCES t ON "
     "DELETE "
     "RESTRICT)",
     "t(region, id; n)", "INSERT INTO t VALUES ('a', 1, 1), ('a', 2, 2), ('b', 1, 1), ('c', 1, 2)",
     "INSERT INTO t VALUES ('a', 1, 2), ('a', 2, 1), ('b', 1, 2), ('c', 1, 1)",
     "INSERT INTO other VALUES ('a', 1), ('a', 2), ('b', 1)"},
};

class PublishedConstraintsTest : public testing::TestWithParam<Shape> {
 protected:
  void set_up() {
    const Shape& shape = GetParam();
    store.database.execute(shape.tables);
    std::istringstream texts(shape.projections);
    for (std::string name, key, columns; std::getline(texts >> std::ws, name, '(') && std::getline(texts, key, ';') &&
                                         std::getline(texts, columns, ')');) {
      tables.push_back(name);
      write_projection(name, key, columns);
    }
    // The events are made of the rows that they are to make, which shows that the constraints permit these.
    store.database.execute(shape.wanted);
    store.database.execute(shape.others);
    for (const std::string& table : tables) {
      store.database.execute(
          "INSERT INTO event_store SELECT gen_random_uuid(), timestamptz '2025-01-01Z' + (count(*) OVER () + "
          "row_number() OVER ()) * interval '1 second', '" +
          table + "', 'stream', to_jsonb(t) FROM " + table + " AS t");
      wanted.push_back(rows_of(table));
    }
    for (const std::string& table : tables) store.database.execute("TRUNCATE " + table + " CASCADE");
    store.database.execute(shape.live);
    store.database.execute(shape.others);
    for (const std::string& table : tables) {
      store.database.execute("CREATE TABLE before_" + table +
                             " AS SELECT (t.*)::text AS row, t.tableoid AS part, t.ctid AS at FROM " + table + " AS t");
      live.push_back(store.database.digest(table));
    }
  }

  void write_projection(const std::string& name, const std::string& key, const std::string& columns) {
    std::string names, paths, set;
    const auto each = [](const std::string& list, const auto& take) {
      std::istringstream parts(list);
      for (std::string part; std::getline(parts >> std::ws, part, ',');) take(part);
    };
    each(key, [&](const std::string& part) {
      names += (names.empty() ? "\"" : ", \"") + part + "\"";
      paths += (paths.empty() ? "" : ", ") + part + " = \"/" + part + "\"";
    });
    each(columns, [&](const std::string& part) { set += (set.empty() ? "" : ", ") + part + " = \"/" + part + "\""; });
    store.projections.write(name + ".toml", "name = \"" + name + "\"\ntable = \"" + name + "\"\nkey = [" + names +
                                                "]\n[[on]]\nevent = \"" + name + "\"\nkey = { " + paths +
                                                " }\nset = { " + set + " }\n");
    written[name] = key + ", " + columns;
  }
  /// The columns that the projection writes.
  std::string rows_of(const std::string& table) {
    return store.database.value("SELECT string_agg(r::text, ' ' ORDER BY r::text) FROM (SELECT " + written.at(table) +
                                " FROM " + table + ") AS r");
  }
  std::string rows_of_others() {
    return store.database.value(
        "SELECT coalesce(string_agg(query_to_xml('TABLE ' || c.oid::regclass, false, true, '')::text, ''), '') FROM "
        "pg_class c WHERE c.relname IN ('uses', 'other')");
  }
  /// Rows that were right and lie somewhere else now.
  std::string touched_in_vain(const std::string& table) {
    return store.database.value("SELECT count(*) FROM " + table + " AS t JOIN before_" + table +
                                " AS b ON b.row = (t.*)::text WHERE (t.tableoid, t.ctid) <> (b.part, b.at)");
  }
  std::string names() {
    std::string all;
    for (const std::string& table : tables) all += (all.empty() ? "" : ",") + table;
    return all;
  }

  Recruiting store;
  std::vector<std::string> tables, wanted, live;
  std::map<std::string, std::string> written;
};

TEST_P(PublishedConstraintsTest, IsNoObstacle) {
  set_up();
  const std::string others = rows_of_others();
  Outcome run = store.apply(names(), {"--strategy", "shadow", "--keep-previous"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (std::size_t index = 0; index < tables.size(); ++index) {
    EXPECT_EQ(rows_of(tables[index]), wanted[index]);
    EXPECT_EQ(touched_in_vain(tables[index]), "0");
  }
  run = store.run({"--projection", names(), "--undo-publish"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  for (std::size_t index = 0; index < tables.size(); ++index)
    EXPECT_EQ(store.database.digest(tables[index]), live[index]);
  EXPECT_EQ(rows_of_others(), others);
}

INSTANTIATE_TEST_SUITE_P(Of, PublishedConstraintsTest, testing::ValuesIn(shapes),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rebuild_projection::test

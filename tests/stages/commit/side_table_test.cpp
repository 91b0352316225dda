// Without this file a rebuild into a private table could accept rows that the live table refuses, burn numbers of its
// sequences, or read other defaults than it has.
#include "stages/commit/side_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stages/postgres/catalogue_query.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SideTableTest : public testing::Test {
 protected:
  SideTableTest() : session(database.dsn(), "commit", Session::Access::read_write) {
    database.execute(
        "CREATE SCHEMA meta; CREATE TYPE mood AS ENUM ('good', 'bad');"
        " CREATE DOMAIN amount AS numeric(10, 2) DEFAULT 1 CHECK (VALUE >= 0);"
        " CREATE TABLE referred (id integer PRIMARY KEY);"
        " CREATE TABLE \"Live\" (number bigserial UNIQUE, note text NOT NULL DEFAULT 'by hand',"
        " id integer PRIMARY KEY, doubled integer GENERATED ALWAYS AS (id * 2) STORED,"
        " email text COLLATE \"C\" UNIQUE, mood mood NOT NULL DEFAULT 'good', sum amount,"
        " total numeric CHECK (total < 100), refers integer REFERENCES referred, CHECK (total > 0 OR mood = 'good'),"
        " CHECK (note <> email), EXCLUDE (total WITH =) WHERE (mood = 'bad'), UNIQUE (note, mood));"
        " CREATE INDEX ON \"Live\" (total); CREATE UNIQUE INDEX ON \"Live\" (lower(email))");
    layout.name = "Live";
    layout.key = {{"id", ColumnType::integer, 0, {}}};
    layout.columns = {{"email", ColumnType::text, {}, Operation::set},
                      {"mood", ColumnType::text, {}, Operation::set},
                      {"sum", ColumnType::numeric, 2, Operation::set},
                      {"total", ColumnType::numeric, {}, Operation::set},
                      {"refers", ColumnType::integer, 0, Operation::set}};
    live = *read_table(session, "Live");
  }

  std::vector<std::string> columns(const CatalogueTable& table) {
    return database.rows(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation::regcollation,"
        " pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attnum > 0 AND NOT attisdropped AND attname <> ALL ('{number,note,doubled}') AND attrelid = " +
        std::to_string(table.oid) + " ORDER BY attname");
  }

  test::Database database;
  Session session;
  TableLayout layout;
  CatalogueTable live;
};

TEST_F(SideTableTest, HasTheColumnsThatAreWrittenAndWhatKeepsRowsOut) {
  const CatalogueTable side = make_side_table(session, live, layout, "meta", "side of \"Live\"");
  EXPECT_EQ(side.schema, "meta");
  EXPECT_EQ(side.name, "side of \"Live\"");
  EXPECT_EQ(side.columns.size(), 6U);
  EXPECT_EQ(columns(side), columns(live));
  EXPECT_THAT(
      database.rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n' AND conrelid = " +
                    std::to_string(side.oid) + " ORDER BY pg_get_constraintdef(oid) COLLATE \"C\""),
      ElementsAre("CHECK (((total > (0)::numeric) OR (mood = 'good'::mood)))", "CHECK ((total < (100)::numeric))",
                  "EXCLUDE USING btree (total WITH =) WHERE ((mood = 'bad'::mood))", "PRIMARY KEY (id)",
                  "UNIQUE (email)"));
  EXPECT_EQ(database.value("SELECT count(*) FROM pg_index WHERE indrelid = " + std::to_string(side.oid)), "4");
  EXPECT_EQ(side_table_mistake(live, layout, side), "");
}

TEST_F(SideTableTest, TakesNothingFromTheLiveTablesSequences) {
  make_side_table(session, live, layout, "meta", "side");
  database.execute("INSERT INTO meta.side (id) SELECT generate_series(1, 10)");
  EXPECT_EQ(database.value("SELECT nextval('\"Live_number_seq\"')"), "1");
}

TEST_F(SideTableTest, MayBeTemporary) {
  const CatalogueTable side = make_side_table(session, live, layout, "pg_temp", "side");
  session.execute("INSERT INTO " + quote_name(side.schema, side.name) + " (id) VALUES (1)");
  EXPECT_EQ(database.value("SELECT relpersistence FROM pg_class WHERE oid = " + std::to_string(side.oid)), "t");
}

TEST_F(SideTableTest, IsAPlainTableBesideAPartitionedOne) {
  database.execute(
      "CREATE TABLE parts (id integer, total integer DEFAULT 7, other integer, PRIMARY KEY (id)) PARTITION BY RANGE "
      "(id); CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)");
  layout.columns = {{"total", ColumnType::integer, 0, Operation::set}};
  const CatalogueTable side = make_side_table(session, *read_table(session, "parts"), layout, "meta", "side");
  EXPECT_EQ(side.kind, 'r');
  EXPECT_EQ(*side.find("total")->default_expression, "7");
  EXPECT_THAT(side.indexes.at(0).columns, ElementsAre("id"));
}

TEST_F(SideTableTest, SaysHowTheLiveTableHasChanged) {
  const CatalogueTable side = make_side_table(session, live, layout, "meta", "side");
  const auto mistake_after = [&](const std::string& change) {
    database.execute("ALTER TABLE \"Live\" " + change);
    return side_table_mistake(*read_table(session, live.oid), layout, side);
  };
  EXPECT_THAT(mistake_after("ADD more integer"), IsEmpty());
  EXPECT_EQ(mistake_after("ALTER total TYPE numeric(6, 2)"), "its column total was numeric and is numeric(6,2)");
  EXPECT_EQ(mistake_after("ALTER total TYPE numeric, ALTER mood DROP NOT NULL"), "its column mood may be NULL now");
  EXPECT_EQ(mistake_after("ALTER mood SET NOT NULL, DROP email"), "its column email was added or dropped since");
}

}  // namespace
}  // namespace rebuild_projection

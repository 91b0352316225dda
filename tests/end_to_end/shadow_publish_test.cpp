// Without this file publishing a shadow could write rows that are right already, or change what the live table is.
#include <gmock/gmock.h>

#include "tests/end_to_end/shadow_store.h"
#include "tests/support/proxy.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class ShadowPublishTest : public ShadowStore {
 protected:
  /// Rows of a table that a transaction after `snapshot` has written.
  std::string written_since(const std::string& table, const std::string& next_transaction) {
    return store.database.value("SELECT count(*) FROM " + table + " WHERE xmin::text::bigint >= " + next_transaction);
  }
  /// How often ANALYZE ran on a table.
  std::string analyzed(const std::string& table) {
    EXPECT_TRUE(store.wait_until_gone());  // a session says so at its end
    return store.database.value("SELECT analyze_count FROM pg_stat_user_tables WHERE relname = '" + table + "'");
  }
  std::string next_transaction() { return store.database.value("SELECT pg_snapshot_xmax(pg_current_snapshot())"); }
};

TEST_F(ShadowPublishTest, TheTablesAreAsTheEventsSay) {
  store.append(1, 3'000);
  const Outcome run = shadow("all");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_published(3'000);
  EXPECT_EQ(run.summary["shadow"]["published"], true);
  EXPECT_EQ(run.summary["shadow"]["position"], run.summary["last_position"]);
  EXPECT_EQ(run.projection("event_rows")["publication"],
            (nlohmann::json{{"inserted", 3'000}, {"updated", 0}, {"deleted", 0}, {"equal", 0}}));
  EXPECT_THAT(run.out, HasSubstr("published    up to "));
  EXPECT_THAT(run.out, HasSubstr("writers were kept out for "));
  // What was published can be gone on with in place.
  store.append(3'001, 3'100);
  EXPECT_EQ(store.apply("all", {"--resume"}).exit_code, 0);
  expect_published(3'100);
}

TEST_F(ShadowPublishTest, WhoFallsSilentUnderTheLockLosesItAndTriesAgain) {
  store.append(1, 300);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  std::string between;
  Outcome run;
  {
    const Proxy proxy([&](const Message& message) {
      if (!message.from_client || !between.empty() ||
          !mentions(message, "CREATE UNLOGGED TABLE \"rebuild_projection\".\"difference_"))
        return Verdict::pass;
      // Waits for the lock, which nobody gives up: the server ends the session after its ten seconds.
      store.database.execute("UPDATE stages SET stage = 'written meanwhile'");
      between = store.database.value("SELECT count(*) FROM stages WHERE stage = 'written meanwhile'");
      return Verdict::pass;
    });
    run = shadow("stages", {"--dsn", proxy.dsn(store.database.name())});
  }
  EXPECT_NE(between, "");
  EXPECT_NE(between, "0");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("the connection to the database was lost"));
  EXPECT_EQ(run.projection("stages")["publication"]["updated"].get<int>(), std::stoi(between));
  expect_no_shadow();
}

TEST_F(ShadowPublishTest, OnlyRowsThatDifferAreWritten) {
  store.append(1, 5'000);
  ASSERT_EQ(shadow("event_rows").exit_code, 0);
  const std::string before = store.database.value(
      "SELECT md5(string_agg((e.*)::text || xmin || ctid, '' ORDER BY ctid))"
      " FROM event_rows e");
  Outcome run = shadow("event_rows");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("event_rows")["publication"]["equal"], 5'000);
  EXPECT_EQ(analyzed("event_rows"), "1");  // by the first run
  EXPECT_EQ(
      store.database.value("SELECT md5(string_agg((e.*)::text || xmin || ctid, '' ORDER BY ctid)) FROM event_rows e"),
      before);

  // One row in a hundred: a third each is changed, missing, and surplus.
  store.database.execute(
      "UPDATE event_rows SET n = n + 1 WHERE n % 300 = 0; DELETE FROM event_rows WHERE n % 300 = 100;"
      "INSERT INTO event_rows (event_id, n) SELECT lpad(to_hex(n), 32, '0')::uuid, n FROM generate_series(100001, "
      "100017) n");
  const std::string next = next_transaction();
  run = shadow("event_rows");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("event_rows")["publication"],
            (nlohmann::json{{"inserted", 17}, {"updated", 16}, {"deleted", 17}, {"equal", 5'000 - 33}}));
  EXPECT_EQ(written_since("event_rows", next), "33");
  EXPECT_EQ(analyzed("event_rows"), "2");
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(ShadowPublishTest, RowsOfSeveralPartitionsAreToldApart) {
  store.append(1, 900);
  store.database.execute(
      "DROP TABLE event_rows;"
      "CREATE TABLE event_rows (event_id uuid PRIMARY KEY, n integer, at timestamptz) PARTITION BY HASH (event_id);"
      "CREATE TABLE part_0 PARTITION OF event_rows FOR VALUES WITH (MODULUS 3, REMAINDER 0);"
      "CREATE TABLE part_1 PARTITION OF event_rows FOR VALUES WITH (MODULUS 3, REMAINDER 1);"
      "CREATE TABLE part_2 PARTITION OF event_rows FOR VALUES WITH (MODULUS 3, REMAINDER 2)");
  ASSERT_EQ(shadow("event_rows").exit_code, 0);
  // The first rows of all partitions lie at the same places.
  store.database.execute(
      "DELETE FROM part_0 WHERE n % 10 = 0; UPDATE part_1 SET n = -n WHERE n % 10 = 1;"
      "INSERT INTO event_rows (event_id, n) SELECT lpad(to_hex(n), 32, '0')::uuid, n FROM generate_series(100001, "
      "100050) n");
  const std::string drift = store.differing("event_rows");
  const std::string next = next_transaction();
  const Outcome run = shadow("event_rows", {"--keep-previous"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(store.differing("event_rows"), "0");
  const nlohmann::json done = run.projection("event_rows")["publication"];
  EXPECT_EQ(done["deleted"], 50);
  EXPECT_GT(done["inserted"], 10);
  EXPECT_GT(done["updated"], 10);
  EXPECT_EQ(written_since("event_rows", next),
            std::to_string(done["inserted"].get<int>() + done["updated"].get<int>()));
  EXPECT_EQ(store.run({"--projection", "event_rows", "--undo-publish"}).exit_code, 0);
  EXPECT_EQ(store.differing("event_rows"), drift);
}

TEST_F(ShadowPublishTest, WhatReadersSeeAsAnotherTextIsWritten) {
  store.append(1, 20);
  store.database.execute("ALTER TABLE event_rows ADD amount numeric, ADD doc jsonb, ADD other text DEFAULT 'new'");
  store.projections.write("event_rows.toml",
                          "name = \"event_rows\"\ntable = \"event_rows\"\nkey = [\"event_id\"]\n[[on]]\nevent = \"*\"\n"
                          "key = { event_id = \"@event_id\" }\n"
                          "set = { n = \"/n\", at = \"@ts\", amount = \"/n\", doc = \"@payload\" }\n");
  ASSERT_EQ(shadow("event_rows").exit_code, 0);
  store.database.execute(
      "UPDATE event_rows SET amount = amount + 0.00 WHERE n <= 3; UPDATE event_rows SET amount = NULL WHERE n = 4;"
      "UPDATE event_rows SET doc = doc || '{\"n\": 5.0}' WHERE n = 5; UPDATE event_rows SET other = 'kept' WHERE n <= "
      "10;"
      "DELETE FROM event_rows WHERE n = 10");
  const Outcome run = shadow("event_rows");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("event_rows")["publication"],
            (nlohmann::json{{"inserted", 1}, {"updated", 5}, {"deleted", 0}, {"equal", 14}}));
  EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows JOIN event_store USING (event_id) WHERE amount::text"
                                 " = payload->>'n' AND doc::text = payload::text"),
            "20");
  // What the projection does not write stays with its row.
  EXPECT_EQ(store.database.value("SELECT string_agg(n::text, ',' ORDER BY n) FROM event_rows WHERE other = 'kept'"),
            "1,2,3,4,5,6,7,8,9");
}

TEST_F(ShadowPublishTest, ValuesOfEveryTypeAreToldApartAsReadersDo) {
  // A column's type, the value that all events set it to, and what the live table has instead in some row.
  struct Column {
    std::string type, value;
    std::vector<std::string> instead;
  };
  const std::vector<Column> columns{
      {"numeric", "1.0", {"1.00", "1", "1.1", "'NaN'", "'Infinity'"}},
      {"numeric", "'NaN'", {"1", "'-Infinity'"}},
      {"amount", "2.50", {"2.5"}},
      {"float8", "0", {"'-0'", "'NaN'"}},
      {"text COLLATE regardless", "'a'", {"'A'", "'a '", "''"}},
      {"varchar(5)", "'a'", {"'a '"}},
      {"char(3)", "'a'", {"'b'"}},
      {"bpchar", "'a'", {"'a '"}},
      {"mood", "'good'", {"'bad'"}},
      {"uuid", "'00000000-0000-0000-0000-000000000001'", {"'00000000-0000-0000-0000-000000000002'"}},
      {"boolean", "true", {"false"}},
      {"bigint", "7", {"8"}},
      {"timestamptz", "'2025-02-01Z'", {"'infinity'"}},
      {"interval", "'1 day'", {"'24 hours'"}},
      {"jsonb", "'{\"a\": 1.0}'", {"'{\"a\": 1.00}'"}},
      {"numeric[]", "'{1.0}'", {"'{1.00}'", "'[0:0]={1.0}'"}},
      {"bytea", "'\\x00'", {"'\\x0000'"}},
      {"text", "NULL", {"''", "'NULL'"}},
  };
  std::string definitions, set, changes;
  std::uint64_t row = 0;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    const auto& [type, value, instead] = columns[column];
    const std::string name = "c" + std::to_string(column);
    definitions += ", " + name + " " + type;
    std::string literal = value;
    std::erase(literal, '\'');
    set += (column == 0 ? "" : ", ") + name + " = " +
           (value == "NULL" ? "\"/nothing\"" : "{ literal = '" + literal + "' }");
    std::vector<std::string> values = instead;
    if (value != "NULL") values.emplace_back("NULL");
    for (const std::string& other : values)
      changes += "UPDATE forms SET " + name + " = " + other + " WHERE n = " + std::to_string(++row) + ";";
  }
  store.append(1, row + 10);
  store.database.execute(
      "UPDATE event_store SET payload = payload || '{\"nothing\": null}';"
      "CREATE COLLATION regardless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
      "CREATE DOMAIN amount AS numeric(10,2); CREATE TYPE mood AS ENUM ('good', 'bad');"
      "CREATE TABLE forms (id uuid PRIMARY KEY, n integer" +
      definitions + ")");
  store.projections.write("forms.toml",
                          "name = \"forms\"\ntable = \"forms\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\n"
                          "key = { id = \"@event_id\" }\nset = { n = \"/n\", " +
                              set + " }\n");
  ASSERT_EQ(store.apply("forms").exit_code, 0);
  store.database.execute("CREATE TABLE expected AS TABLE forms; CREATE INDEX ON expected (id);" + changes);
  const std::string unlike = "SELECT count(*) FROM forms f JOIN expected e USING (id) WHERE (f.*)::text <> (e.*)::text";
  const std::string expected_updates = store.database.value(unlike);
  EXPECT_EQ(expected_updates, std::to_string(row - 1));  // all but the amount, which its domain writes as it was
  const Outcome run = shadow("forms");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("forms")["publication"],
            (nlohmann::json{{"inserted", 0}, {"updated", std::stoi(expected_updates)}, {"deleted", 0}, {"equal", 11}}));
  EXPECT_EQ(store.database.value(unlike), "0");
}

TEST_F(ShadowPublishTest, TheLiveTableStaysWhatItIs) {
  store.append(1, 500);
  Role reader(store.database, "reader");
  store.database.execute(
      "CREATE VIEW seen AS SELECT * FROM event_rows; CREATE TABLE child (ref uuid REFERENCES event_rows);"
      "CREATE INDEX event_rows_n ON event_rows (n); GRANT SELECT ON event_rows TO " +
      reader.name() +
      "; ALTER TABLE event_rows ENABLE ROW LEVEL SECURITY; CREATE POLICY even ON event_rows FOR SELECT TO " +
      reader.name() +
      " USING (n % 2 = 0); CREATE PUBLICATION changes FOR TABLE event_rows; COMMENT ON TABLE event_rows IS 'mine'");
  const std::string identity =
      "SELECT concat_ws('|', c.oid, c.relfilenode, c.relacl::text, c.relrowsecurity, obj_description(c.oid),"
      " (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid), (SELECT count(*) FROM pg_publication_rel WHERE prrelid"
      " = c.oid), (SELECT string_agg(conname || pg_get_constraintdef(oid), ',' ORDER BY conname) FROM pg_constraint"
      " WHERE confrelid = c.oid OR conrelid = c.oid), (SELECT string_agg(indexrelid || pg_get_indexdef(indexrelid), ','"
      " ORDER BY 1) FROM pg_index WHERE indrelid = c.oid), pg_get_viewdef('seen'::regclass)) FROM pg_class c WHERE oid "
      "="
      " 'event_rows'::regclass";
  const std::string before = store.database.value(identity);
  ASSERT_EQ(shadow("event_rows").exit_code, 0);
  store.database.execute("INSERT INTO child SELECT event_id FROM event_rows; UPDATE event_rows SET n = -n");
  const Outcome run = shadow("event_rows");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("event_rows")["publication"]["updated"], 500);
  EXPECT_EQ(store.database.value(identity), before);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM seen"), "500");
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(ShadowPublishTest, RowsMayHandUniqueValuesToOneAnother) {
  store.append(1, 200);
  store.database.execute(
      "ALTER TABLE event_rows ADD own integer GENERATED ALWAYS AS IDENTITY, ADD twice bigint GENERATED ALWAYS AS (n * "
      "2)"
      " STORED, ADD note text DEFAULT 'new', ADD UNIQUE (n)");
  store.database.execute("CREATE TABLE child (ref uuid REFERENCES event_rows)");
  ASSERT_EQ(shadow("event_rows").exit_code, 0);
  // Every row has the n of the next one, and the last that of the first.
  store.database.execute(
      "UPDATE event_rows SET note = 'kept'; INSERT INTO child SELECT event_id FROM event_rows;"
      "UPDATE event_rows SET n = -n; UPDATE event_rows SET n = 1 + (-n) % 200");
  const std::string own = store.database.value(
      "SELECT md5(string_agg(own || event_id::text, '' ORDER BY own)) FROM"
      " event_rows");
  const Outcome run = shadow("event_rows");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("event_rows")["publication"]["updated"], 200);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows JOIN event_store USING (event_id) WHERE n ="
                                 " (payload->>'n')::bigint AND twice = n * 2 AND note = 'kept'"),
            "200");
  EXPECT_EQ(store.database.value("SELECT md5(string_agg(own || event_id::text, '' ORDER BY own)) FROM event_rows"),
            own);
}

TEST_F(ShadowPublishTest, TablesThatReferToOneAnother) {
  store.append(1, 500);
  ASSERT_EQ(shadow("all").exit_code, 0);
  // In the order of their names, counters come before the table that they refer to, and stages after it.
  store.database.execute(
      "ALTER TABLE counters ADD FOREIGN KEY (candidate_id) REFERENCES stages;"
      "DELETE FROM counters WHERE candidate_id IN ('1', '2'); DELETE FROM stages WHERE candidate_id IN ('1', '2');"
      "INSERT INTO stages VALUES ('surplus'); INSERT INTO counters VALUES ('surplus', 1, 1)");
  const std::string before = store.database.digest("stages") + store.database.digest("counters");
  Outcome run = shadow("all", {"--keep-previous"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("stages")["publication"],
            (nlohmann::json{{"inserted", 2}, {"updated", 0}, {"deleted", 1}, {"equal", 5}}));
  expect_published(500);
  run = store.run({"--projection", "all", "--undo-publish"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(store.database.digest("stages") + store.database.digest("counters"), before);
}

TEST_F(ShadowPublishTest, AStoreWithoutEvents) {
  EXPECT_EQ(shadow("all").exit_code, 0);
  store.database.execute("INSERT INTO counters VALUES ('left over')");
  Outcome run = shadow("all");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("--clear always"));
  EXPECT_EQ(store.database.value("SELECT count(*) FROM counters"), "1");
  run = shadow("all", {"--clear", "always"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.projection("counters")["publication"]["deleted"], 1);
  expect_published(0);
}

TEST_F(ShadowPublishTest, SkippedEventsAreRecordedWithTheRows) {
  store.append(1, 50);
  store.database.execute("UPDATE event_store SET payload = '{\"n\": \"no number\"}' WHERE payload->>'n' = '13'");
  Outcome run = shadow("event_rows");
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr(event_id(13)));
  EXPECT_EQ(run.summary["shadow"]["published"], false);
  expect_no_shadow();  // there was nothing in it
  run = shadow("event_rows", {"--on-error", "skip"});
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_EQ(run.summary["shadow"]["published"], true);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows"), "49");
  EXPECT_EQ(store.database.value("SELECT event_id FROM rebuild_projection.rebuild_dead_letters"), event_id(13));
  expect_no_shadow();
}

}  // namespace
}  // namespace rebuild_projection::test

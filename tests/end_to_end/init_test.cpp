// Without these tests --init could print a file that --check refuses, or one that a person cannot start from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/database.h"
#include "tests/support/program.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class InitTest : public testing::Test {
 protected:
  InitTest() { database.create_event_store(); }

  Program::Result init(const std::string& table, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--init", table, "--dsn", database.dsn()});
    return Program::run(more);
  }
  /// The draft of a table, after it has passed --check.
  std::string draft(const std::string& table, const std::vector<std::string>& more = {}) {
    const Program::Result drafted = init(table, more);
    EXPECT_EQ(drafted.exit_code, 0) << drafted.err;
    folder.write("p.toml", drafted.out);
    std::vector<std::string> arguments{"--check", "--dsn", database.dsn(), "--projections", folder.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Program::Result checked = Program::run(arguments);
    EXPECT_EQ(checked.exit_code, 0) << checked.err << drafted.out;
    return drafted.out;
  }
  Program::Result apply() {
    return Program::run(
        {"--projection", "all", "--mode", "APPLY", "--dsn", database.dsn(), "--projections", folder.path()});
  }

  Database database;
  Folder folder;
};

TEST_F(InitTest, FillsColumnsFromMembersOfTheirName) {
  database.execute(
      "CREATE TABLE person (id text PRIMARY KEY, full_name text, age integer, tags text[], doc jsonb, note text,"
      " created_at timestamptz, needed text NOT NULL DEFAULT 'x', serial bigint GENERATED ALWAYS AS IDENTITY,"
      " twice integer GENERATED ALWAYS AS (age * 2) STORED)");
  database.append(1, 1, "person.born", "a", R"({"fullName": "Ada", "age": 36, "doc": {"x": 1}, "secret": "hush"})");
  database.append(2, 2, "person.born", "b", R"({"full_name": "Bob", "tags": ["t"]})");
  database.append(3, 3, "city.built", "c", R"({"mayor": "M"})");
  database.append(4, 4, "odd", "d", "[1, 2]");
  const std::string text = draft("person");
  EXPECT_THAT(text, HasSubstr("key     = [\"id\"]"));
  EXPECT_THAT(text, HasSubstr("event = \"person.born\"\nkey   = { id = \"@stream_id\" }\n"
                              "set   = { full_name = \"/full_name\", age = \"/age\", doc = \"/doc\" }\n"));
  EXPECT_THAT(text, HasSubstr("# event = \"city.built\""));  // it fills nothing, and would make rows
  EXPECT_THAT(text, HasSubstr("# 1 event; no members in the payload\n# [[on]]\n# event = \"odd\""));
  EXPECT_THAT(text, HasSubstr("#   tags: text[]\n"));  // a JSON array is no array of PostgreSQL
  EXPECT_THAT(text, HasSubstr("perhaps init = { created_at = \"@ts\" }"));
  for (const char* hidden : {"hush", "Ada", "serial", "twice"}) EXPECT_THAT(text, Not(HasSubstr(hidden)));

  const Program::Result applied = apply();
  EXPECT_EQ(applied.exit_code, 0) << applied.err;
  EXPECT_EQ(database.rows("SELECT id, full_name, age, doc FROM person ORDER BY id"),
            (std::vector<std::string>{"a|NULL|36|{\"x\": 1}", "b|Bob|NULL|NULL"}));
}

TEST_F(InitTest, PointsOutWhatMustBeFilled) {
  database.execute("CREATE TABLE t (id text PRIMARY KEY, must text NOT NULL)");
  EXPECT_THAT(draft("t"), HasSubstr("#   must: text, NOT NULL without a default: a rule must fill it"));
}

TEST_F(InitTest, OddNamesAndCompositeKeys) {
  database.execute(
      "CREATE SCHEMA \"Sch ema\"; CREATE TABLE \"Sch ema\".\"T \"\" t\" (\"Ten ant\" uuid, \"or/d~er\" integer, seen "
      "timestamptz, \"new\nline\" text, \"a\\b\" text, PRIMARY KEY (\"Ten ant\", \"or/d~er\", seen))");
  database.append(1, 1, "odd \"type\"\n\u009b31m\u202e", event_id(7),
                  R"({"or/d~er": 7, "new\nline": "n", "a\\b": "s"})");
  const std::string text = draft("Sch ema.T \" t");
  EXPECT_THAT(text, HasSubstr(R"(key   = { "Ten ant" = "@stream_id", "or/d~er" = "/or~1d~0er", seen = "@ts" })"));
  EXPECT_THAT(text, HasSubstr(R"("new\u000Aline" = "/new\u000Aline", "a\\b" = "/a\\b")"));
  EXPECT_THAT(text, HasSubstr(R"(event = "odd \"type\"\u000A\u009B31m\u202E")"));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(database.value(R"(SELECT "a\b" FROM "Sch ema"."T "" t")"), "s");
}

TEST_F(InitTest, TheStreamIsThePartOfTheKeyThatNoPayloadHas) {
  database.execute(
      "CREATE TABLE placed (tenant_id integer, order_id text, v text, PRIMARY KEY (tenant_id, order_id));"
      "CREATE TABLE line (number integer, order_id text, PRIMARY KEY (number, order_id));"
      "CREATE TABLE skill (candidate_id text, skill text, v text, PRIMARY KEY (candidate_id, skill))");
  database.append(1, 1, "order.placed", "a", R"({"tenantId": 3, "v": "x"})");
  database.append(2, 2, "order.paid", "a", R"({"v": "y"})");
  const std::string placed = draft("placed");
  EXPECT_THAT(placed, HasSubstr(R"(key   = { tenant_id = "/tenantId", order_id = "@stream_id" })"));
  EXPECT_THAT(placed, HasSubstr("# Not every event tells the key: \"tenant_id\"\n# [[on]]\n# event = \"order.paid\""));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(database.rows("SELECT * FROM placed"), std::vector<std::string>{"3|a|x"});
  // Nothing that was seen tells the key: rules to correct are better than none.
  EXPECT_THAT(draft("line"), HasSubstr(R"(key   = { number = "/number", order_id = "@stream_id" })"));
  const std::string skill = draft("skill");
  EXPECT_THAT(skill, HasSubstr("\n[[on]]\nevent = \"order.placed\"\nkey   = { candidate_id = \"@stream_id\", skill = "
                               "\"/skill\" }\n"));
}

TEST_F(InitTest, AKeyIsTakenFromWhereItsTypeFits) {
  database.execute(
      "CREATE TABLE number (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);"
      "CREATE TABLE identifier (id uuid PRIMARY KEY, v text)");
  database.append(1, 1, "born", event_id(1), R"({"id": 12, "v": "x"})");
  EXPECT_THAT(draft("number"), HasSubstr("key   = { id = \"/id\" }"));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_THAT(draft("identifier"), HasSubstr("key   = { id = \"@stream_id\" }"));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(database.rows("SELECT id || v FROM number UNION ALL SELECT id || v FROM identifier"),
            (std::vector<std::string>{"12x", event_id(1) + "x"}));
}

TEST_F(InitTest, FillsNoColumnThatTheValuesSeenDoNotFit) {
  database.execute(
      "CREATE TABLE t (id text PRIMARY KEY, created_at timestamptz, day date, whole integer, flag boolean, price "
      "numeric, ref uuid, tags text[], doc jsonb, needed text NOT NULL DEFAULT 'x', late integer, note text)");
  database.append(1, 1, "made", "a",
                  R"({"createdAt": 1700000000000, "day": 3, "whole": 99999999999, "flag": 1.5, "price": true,
                      "ref": "x", "tags": "t", "doc": "{", "needed": null, "late": 1, "note": 5})");
  database.append(2, 2, "made", "b", R"({"late": "soon"})");
  EXPECT_THAT(draft("t"), HasSubstr("set   = { note = \"/note\" }\n"));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(database.rows("SELECT id, note FROM t ORDER BY id"), (std::vector<std::string>{"a|5", "b|NULL"}));
}

TEST_F(InitTest, TypesThatNoRuleCanNameAreLeftOut) {
  database.execute("CREATE TABLE t (id text PRIMARY KEY, v text)");
  database.append(1, 1, "", "a", R"({"v": 1})");
  database.append(2, 2, "*", "b", R"({"v": 2})");
  EXPECT_THAT(draft("t"), HasSubstr("No type can be named"));
  database.append(3, 3, "made.*", "c", R"({"v": 3})");
  EXPECT_THAT(draft("t"), HasSubstr("# event = \"*\""));
  EXPECT_EQ(apply().exit_code, 0);
  EXPECT_EQ(database.rows("SELECT * FROM t"), std::vector<std::string>{"c|3"});
}

TEST_F(InitTest, NeedsNoRightButToRead) {
  database.execute("CREATE TABLE t (id text PRIMARY KEY)");
  Role role(database, "reader");
  database.execute("GRANT SELECT ON event_store TO " + role.name());
  const auto result = Program::run({"--init", "t", "--dsn", role.dsn()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(InitTest, DraftsTheDemosCandidates) {
  const std::string build = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string tools = REBUILD_PROJECTION_TOOLS_DIR;
  const std::string psql = "psql -qX -v ON_ERROR_STOP=1 -d " + database.name();
  database.execute("DROP TABLE event_store");
  const std::string fill = psql + " -f '" + tools + "/event_store.sql' -f '" + tools + "/projections/tables.sql' && '" +
                           build + "/generate_events' --events 5000 | " + psql + " -c '\\copy event_store from stdin'";
  ASSERT_EQ(std::system(fill.c_str()), 0);
  draft("candidate_summary");
  const auto applied = apply();
  EXPECT_EQ(applied.exit_code, 0) << applied.err;
  EXPECT_EQ(database.value("SELECT count(*) > 0 AND count(*) FILTER (WHERE c.full_name <> e.payload->>'full_name') = 0"
                           " FROM candidate_summary c JOIN event_store e ON e.aggregate_id = c.candidate_id"
                           " AND e.event_type = 'candidate.created'"),
            "t");
}

TEST_F(InitTest, AnEmptyStoreGivesAFileToo) {
  database.execute("CREATE TABLE \"all\" (id integer PRIMARY KEY, v text)");
  EXPECT_THAT(draft("all"), HasSubstr("event = \"something.happened\""));
}

TEST_F(InitTest, LooksAtTheOldestAndTheNewestEventsOnly) {
  database.execute(
      "CREATE TABLE t (id text PRIMARY KEY, v text);"
      "INSERT INTO event_store SELECT gen_random_uuid(), '2025-01-01Z'::timestamptz + n * interval '1 second',"
      " CASE WHEN n = 1 THEN 'first' WHEN n = 15000 THEN 'middle' WHEN n = 30000 THEN 'last' ELSE 'usual' END, 's',"
      " '{\"v\": 1}' FROM generate_series(1, 30000) n");
  const std::string text = draft("t");
  EXPECT_THAT(text, HasSubstr("the oldest and the newest 20000 events"));
  for (const char* type : {"\"first\"", "\"last\"", "\"usual\""}) EXPECT_THAT(text, HasSubstr(type));
  EXPECT_THAT(text, Not(HasSubstr("middle")));
  EXPECT_LT(text.find("\"first\""), text.find("\"last\""));
  database.execute("DELETE FROM event_store WHERE ts > '2025-01-01Z'::timestamptz + interval '15000 second'");
  EXPECT_THAT(draft("t"), HasSubstr("all 15000 events"));
  EXPECT_THAT(draft("t"), HasSubstr("\"middle\""));
}

TEST_F(InitTest, ReadsEveryKindOfPayloadAndSurvivesBrokenOnes) {
  database.execute("CREATE TABLE t (id text PRIMARY KEY, v text)");
  for (const char* type : {"json", "text", "bytea"}) {
    const std::string of = type == std::string("bytea") ? "convert_to(v, 'UTF8')" : "v::" + std::string(type);
    const std::string broken = type == std::string("json") ? "null" : "{";
    database.execute(
        "DROP TABLE event_store; CREATE TABLE event_store (event_id uuid PRIMARY KEY, ts timestamptz,"
        " event_type text, aggregate_id text, payload " +
        std::string(type) +
        ");"
        "INSERT INTO event_store SELECT gen_random_uuid(), '2025-01-01Z', e, 's', " +
        of + " FROM (VALUES ('good', '{\"v\": 1}'), ('bad', '" + broken + "')) AS x (e, v)");
    const std::string text = draft("t");  // without an index on the order, too
    EXPECT_THAT(text, HasSubstr("event = \"good\"\nkey   = { id = \"@stream_id\" }\nset   = { v = \"/v\" }"));
    EXPECT_THAT(text, HasSubstr("# event = \"bad\""));
  }
}

TEST_F(InitTest, RefusesWhatCannotBeAProjection) {
  database.execute(
      "CREATE TABLE keyless (a integer); CREATE VIEW seen AS SELECT 1 AS a;"
      "CREATE TABLE partly (a integer); CREATE UNIQUE INDEX ON partly (a) WHERE a > 0;"
      "CREATE TABLE loose (a double precision PRIMARY KEY);"
      "CREATE TABLE referred (a integer PRIMARY KEY); CREATE TABLE refers (a integer REFERENCES referred)");
  const std::pair<const char*, const char*> cases[] = {{"keyless", "no plain unique index"},
                                                       {"partly", "no plain unique index"},
                                                       {"loose", "no plain unique index"},
                                                       {"seen", "is a view"},
                                                       {"event_store", "belongs to the event store"},
                                                       {"referred", "is referred to by foreign keys"},
                                                       {"nowhere", "there is no table \"nowhere\""}};
  for (const auto& [table, reason] : cases) {
    const Program::Result result = init(table);
    EXPECT_EQ(result.exit_code, 1) << table;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(reason));
  }
  EXPECT_EQ(init("keyless", {"--mode", "APPLY"}).exit_code, 1);
  EXPECT_EQ(init("keyless", {"--projection", "x"}).exit_code, 1);
}

}  // namespace
}  // namespace rebuild_projection::test

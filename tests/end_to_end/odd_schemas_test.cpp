// Without this file a name that needs quoting, a default that is a function, a planted object or a setting of a role
// could change rows, run foreign SQL or stop a rebuild that worked on the developer's own tables.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

std::string quoted(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

class OddSchemas : public testing::Test {
 protected:
  OddSchemas() : run(database) {}

  /// 30 events of 5 streams with "n" in their payload.
  void fill_store() {
    database.create_event_store();
    database.execute(
        "INSERT INTO event_store SELECT md5(n::text)::uuid, timestamptz '2025-01-01Z' + n * interval '1 s', 'happened',"
        " 's' || n % 5, jsonb_build_object('n', n) FROM generate_series(1, 30) n");
  }
  static constexpr const char* rule =
      "[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\nset = { last = \"/n\" }\nadd = { n = 1 }\n";
  /// What the rule makes of fill_store()'s events.
  static Lines expected() { return {"s0|30|6", "s1|26|6", "s2|27|6", "s3|28|6", "s4|29|6"}; }

  Database database;
  InProcess run;
};

TEST_F(OddSchemas, NamesAreQuotedWhereverTheyGo) {
  const Lines names{"it's",
                    "two words",
                    "say \"hi\"",
                    "a;b -- c",
                    "x'); DROP TABLE event_store; --",
                    "line\nbreak",
                    "Tür 日本",
                    "select",
                    "Mixed",
                    "$1",
                    "a.b",
                    "%s {} [0]",
                    "back\\slash",
                    std::string(63, 'n'),
                    "pg_class",
                    "d",
                    "t",
                    "k0",
                    "v0",
                    "excluded"};
  fill_store();
  // "a.b" lies where the search path leads: a dot would end a schema's name.
  const auto schema_of = [](const std::string& name) {
    return name == "a.b" ? "public" : name.starts_with("pg_") ? "plain" : name;
  };
  for (std::size_t index = 0; index < names.size(); ++index) {
    const std::string& name = names[index];
    const std::string& second = names[(index + 1) % names.size()];
    const std::string& third = names[(index + 2) % names.size()];
    const std::string schema = schema_of(name);
    database.execute("CREATE SCHEMA IF NOT EXISTS " + quoted(schema) + "; CREATE TABLE " + quoted(schema) + "." +
                     quoted(name) + " (" + quoted(name) + " text PRIMARY KEY, " + quoted(second) + " integer, " +
                     quoted(third) + " integer DEFAULT 0)");
    std::string projection = name;
    for (char& c : projection)
      if (c == ' ' || c == ',' || c == '\n') c = '_';
    run.write_projection(projection, "table = " + toml_text(name == "a.b" ? name : schema + "." + name) + "\nkey = [" +
                                         toml_text(name) + "]\n[[on]]\nevent = \"*\"\nkey = { " + toml_text(name) +
                                         " = \"@stream_id\" }\nset = { " + toml_text(second) + " = \"/n\" }\nadd = { " +
                                         toml_text(third) + " = 1 }\n");
  }
  run.options.batch_events = 7;
  ASSERT_EQ(run.apply().exit_code(), 0);
  for (const std::string& name : names)
    EXPECT_EQ(database.rows("SELECT * FROM " + quoted(schema_of(name)) + "." + quoted(name) + " ORDER BY 1"),
              expected())
        << name;
  EXPECT_EQ(database.value("SELECT count(*) FROM rebuild_projection.rebuild_checkpoints WHERE state = 'complete'"),
            std::to_string(names.size()));
}

TEST_F(OddSchemas, TheStoresNamesAreQuotedToo) {
  const std::string schema = "st\"o;re", table = "ev'ents -- \n", id = "select", ts = "Zeit ü", type = "ty\"pe",
                    stream = "from", payload = "$1";
  database.execute("CREATE SCHEMA " + quoted(schema) + "; CREATE TABLE " + quoted(schema) + "." + quoted(table) + " (" +
                   quoted(id) + " bigint PRIMARY KEY, " + quoted(ts) + " timestamp, " + quoted(type) + " varchar(9), " +
                   quoted(stream) + " char(4), " + quoted(payload) + " json); INSERT INTO " + quoted(schema) + "." +
                   quoted(table) +
                   " SELECT n, now(), 'it''s', 's' || n % 5, json_build_object('n', n) FROM generate_series(1, 30) n;"
                   "CREATE TABLE target (id text PRIMARY KEY, last integer, n integer)");
  run.write_store({{"from", toml_text(schema + "." + table)},
                   {"order", "[" + toml_text(id) + "]"},
                   {"event_id", toml_text(id)},
                   {"ts", toml_text(ts)},
                   {"type", toml_text(type)},
                   {"stream_id", toml_text(stream)},
                   {"payload", toml_text(payload)}});
  run.write_projection("target", std::string("table = \"target\"\nkey = [\"id\"]\n") + rule);
  ASSERT_EQ(run.apply().exit_code(), 0);
  EXPECT_EQ(database.rows("SELECT trim(id), last, n FROM target ORDER BY 1"), expected());
}

TEST_F(OddSchemas, ColumnsOfEveryHistoryKeepTheirDefaults) {
  fill_store();
  database.execute(
      "CREATE SEQUENCE numbers START 100; CREATE DOMAIN counted AS integer DEFAULT 5 NOT NULL;"
      "CREATE DOMAIN counted_more AS counted; CREATE FUNCTION made() RETURNS text LANGUAGE sql AS $$SELECT 'made'$$;"
      "CREATE TABLE target (gone integer DEFAULT 3, id text, n counted_more, also_gone text, last integer,"
      " double_last integer GENERATED ALWAYS AS (last * 2) STORED, own counted, number integer DEFAULT "
      "nextval('numbers'),"
      " row_number integer GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT now(), by text DEFAULT made(),"
      " kept text DEFAULT 'it''s \\ \"kept\"', written text DEFAULT 'x' || made(), PRIMARY KEY (id));"
      "ALTER TABLE target DROP COLUMN gone; ALTER TABLE target DROP COLUMN also_gone; ALTER TABLE target ADD later "
      "text DEFAULT 'added'");
  run.write_projection(
      "target", std::string("table = \"target\"\nkey = [\"id\"]\n") + rule +
                    "[[on]]\nevent = \"never\"\nkey = { id = \"/x\" }\nset = { number = 1, written = \"/x\" }\n");
  for (const std::uint64_t batch_events : {1U, 1000U}) {
    run.options.batch_events = batch_events;
    run.options.clear = Clear::always;  // numbers and times of before are lost
    ASSERT_EQ(run.apply().exit_code(), 0);
    EXPECT_EQ(database.rows("SELECT id, last, n FROM target ORDER BY id"),
              (Lines{"s0|30|11", "s1|26|11", "s2|27|11", "s3|28|11", "s4|29|11"}));
    EXPECT_EQ(
        database.rows(
            "SELECT DISTINCT double_last = last * 2, own, number >= 100, at > now() - interval '1 hour', by, kept,"
            " written, later FROM target"),
        Lines{"t|5|t|t|made|it's \\ \"kept\"|xmade|added"});
    EXPECT_EQ(database.value("SELECT count(DISTINCT number) || ' ' || count(DISTINCT row_number) FROM target"), "5 5");
  }
}

TEST_F(OddSchemas, IdentityKeysAndPartitionsAreWritten) {
  fill_store();
  database.execute(
      "CREATE TABLE always (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c integer);"
      "CREATE TABLE by_default (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, c integer);"
      "CREATE TABLE parts (c integer, id integer PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);"
      "CREATE TABLE part_2 (id integer NOT NULL, gone text, c integer); ALTER TABLE part_2 DROP COLUMN gone;"
      "ALTER TABLE parts ATTACH PARTITION part_2 DEFAULT");
  for (const char* table : {"always", "by_default", "parts"})
    run.write_projection(
        table, std::string("table = \"") + table +
                   "\"\nkey = [\"id\"]\n"
                   "[[on]]\nevent = \"*\"\nkey = { id = \"/n\" }\nadd = { c = 1 }\n"
                   "[[on]]\nevent = \"*\"\nwhen = { \"/n\" = [3, 20] }\nkey = { id = \"/n\" }\ndelete = true\n");
  run.options.batch_events = 4;
  ASSERT_EQ(run.apply().exit_code(), 0);
  for (const char* table : {"always", "by_default", "parts"})
    EXPECT_EQ(database.value(std::string("SELECT count(*) || ' ' || sum(id) || ' ' || sum(c) FROM ") + table),
              "28 442 28");
}

TEST_F(OddSchemas, ObjectsPlantedInPublicNeverRun) {
  fill_store();
  database.execute(
      "CREATE TABLE target (id text PRIMARY KEY, last integer, n numeric DEFAULT 0, tags text[], most bigint);"
      "CREATE TABLE trap (what text);"
      "CREATE FUNCTION sprung(what text) RETURNS void LANGUAGE sql AS 'INSERT INTO public.trap VALUES (what)';"
      "CREATE FUNCTION public.unnest(text[], text[]) RETURNS SETOF record LANGUAGE sql AS 'SELECT sprung(''unnest''), "
      "NULL::text';"
      "CREATE FUNCTION public.array_cat(text[], text[]) RETURNS text[] LANGUAGE sql AS 'SELECT sprung(''cat''); SELECT "
      "$1';"
      "CREATE FUNCTION public.count() RETURNS bigint LANGUAGE sql AS 'SELECT sprung(''count''); SELECT 1::bigint';"
      "CREATE FUNCTION public.md5(text) RETURNS text LANGUAGE sql AS 'SELECT sprung(''md5''); SELECT $1';"
      "CREATE FUNCTION public.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT sprung(''=''); SELECT true';"
      "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.equal);"
      "CREATE FUNCTION public.plus(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT sprung(''+''); SELECT $1';"
      "CREATE OPERATOR public.+ (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = public.plus);"
      "CREATE FUNCTION public.equal(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT sprung(''oid''); SELECT true';"
      "CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.equal);"
      "CREATE TABLE public.pg_class (oid oid); CREATE TABLE public.pg_attribute (attname name); CREATE DOMAIN "
      "public.numeric AS text;"
      "CREATE DOMAIN public.integer AS text; CREATE DOMAIN public.int8 AS text");
  database.execute("ALTER DATABASE " + database.name() + " SET search_path = public, pg_catalog");
  run.write_projection("target", std::string("table = \"target\"\nkey = [\"id\"]\n") + rule +
                                     "append = { tags = \"/n\" }\nmax = { most = \"/n\" }\n");
  ASSERT_EQ(run.apply().exit_code(), 0);
  EXPECT_EQ(database.rows("SELECT what FROM trap"), Lines{});
  EXPECT_EQ(database.rows("SELECT id, last, n FROM target ORDER BY id"), expected());
}

TEST_F(OddSchemas, TablesAreFoundAlongTheRolesSearchPath) {
  fill_store();
  database.execute(
      "CREATE SCHEMA hidden; CREATE SCHEMA first; CREATE TABLE hidden.target (id text PRIMARY KEY, last integer, n "
      "integer);"
      "CREATE TABLE first.other (id text PRIMARY KEY, last integer, n integer); CREATE TABLE other (x integer)");
  run.write_projection("target", std::string("table = \"target\"\nkey = [\"id\"]\n") + rule);
  EXPECT_NE(run.refusal().find("there is no table \"target\""), std::string::npos) << run.refusal();
  run.write_projection("target", std::string("table = \"hidden.target\"\nkey = [\"id\"]\n") + rule);
  run.write_projection("other", std::string("table = \"other\"\nkey = [\"id\"]\n") + rule);
  database.execute("ALTER DATABASE " + database.name() + " SET search_path = \"$user\", first, public");
  ASSERT_EQ(run.apply().exit_code(), 0);
  EXPECT_EQ(database.rows("SELECT * FROM hidden.target ORDER BY id"), expected());
  EXPECT_EQ(database.rows("SELECT * FROM first.other ORDER BY id"), expected());
}

TEST_F(OddSchemas, SettingsOfTheDatabaseChangeNothing) {
  fill_store();
  database.execute(
      "CREATE TABLE target (id text PRIMARY KEY, last integer, n integer, at timestamptz, day timestamp, low float8, b "
      "bytea)");
  run.write_projection("target", std::string("table = \"public.target\"\nkey = [\"id\"]\n") + rule +
                                     "min = { low = { literal = \"0.1234567890123456\" } }\n"
                                     "[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n"
                                     "set = { day = \"@ts\", at = \"@ts\", b = { literal = '\\x00ff' } }\n");
  run.write_store({{"from", "\"public.event_store\""}});
  ASSERT_EQ(run.apply().exit_code(), 0);
  Database owner;
  const std::string digest = database.digest("target");
  for (const char* setting : {"DateStyle = 'German, DMY'",
                              "DateStyle = 'SQL, MDY'",
                              "TimeZone = 'Asia/Kathmandu'",
                              "search_path = ''",
                              "extra_float_digits = -15",
                              "bytea_output = 'escape'",
                              "IntervalStyle = 'sql_standard'",
                              "default_transaction_isolation = 'serializable'",
                              "default_transaction_isolation = 'repeatable read'",
                              "default_transaction_deferrable = on",
                              "row_security = on",
                              "standard_conforming_strings = off",
                              "client_encoding = 'LATIN1'",
                              "enable_indexscan = off",
                              "array_nulls = off",
                              "transform_null_equals = on",
                              "backslash_quote = on",
                              "plan_cache_mode = force_generic_plan",
                              "session_replication_role = replica",
                              "lc_messages = 'C'",
                              "jit_above_cost = 0",
                              "check_function_bodies = off",
                              "constraint_exclusion = on"}) {
    SCOPED_TRACE(setting);
    // From outside, where the settings do not reach.
    owner.execute("ALTER DATABASE " + database.name() + " RESET ALL");
    owner.execute("ALTER DATABASE " + database.name() + " SET " + setting);
    try {
      const Report report = run.apply();
      EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    EXPECT_EQ(database.digest("target"), digest);
  }
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file the payloads that real stores hold (NULL, scalars, duplicate keys, halves of surrogate pairs,
// thousands of levels) and the attributes of an event could be read otherwise than PostgreSQL reads them, unnoticed.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

/// A store whose payload column has the type of the test, and one projection of it.
class Payloads : public testing::Test {
 protected:
  Payloads() : run(database) { run.options.on_error = OnError::skip; }

  void create_store(const std::string& payload_type, const std::string& ts_type = "timestamptz") {
    database.execute("CREATE TABLE event_store (event_id integer PRIMARY KEY, ts " + ts_type +
                     ", event_type text DEFAULT 'happened', aggregate_id text, payload " + payload_type +
                     ", metadata jsonb)");
    run.write_store({{"order", "[\"event_id\"]"}, {"metadata", "\"metadata\""}});
  }
  void append(int number, const std::string& payload_sql, const std::string& ts = "2025-01-01Z") {
    database.execute("INSERT INTO event_store VALUES (" + std::to_string(number) + ", '" + ts + "', DEFAULT, 's" +
                     std::to_string(number) + "', " + payload_sql + ", '{\"by\": 7}')");
  }
  void project(const std::string& columns, const std::string& rule) {
    database.execute("CREATE TABLE target (id text PRIMARY KEY, " + columns + ")");
    run.write_projection("target", "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n" + rule);
  }
  Lines rows() { return database.rows("SELECT t.* FROM target t ORDER BY id"); }

  Database database;
  InProcess run;
};

const std::string by_stream = "key = { id = \"@stream_id\" }\n";

TEST_F(Payloads, OfEveryShapeAreReadByTheirPaths) {
  create_store("jsonb");
  append(1, "NULL");  // as if it were {}
  append(2, "'null'");
  append(3, "'12.50'");
  append(4, "'\"text\"'");
  append(5, "'[10, {\"a\": \"in\"}, null]'");
  append(6, "'{\"1\": {\"a\": \"member\"}, \"\": \"empty\", \"a/b\": \"slash\", \"m~n\": \"tilde\", \"*\": \"star\"}'");
  project("whole jsonb, a text, empty text, slash text, tilde text, star text",
          by_stream +
              "set = { whole = \"@payload\", a = \"/1/a\", empty = \"/\", slash = \"/a~1b\", tilde = \"/m~0n\","
              " star = \"/*\" }\n");
  // What goes by the name of a text is a text: "text" without its quotes is no value of a jsonb column.
  EXPECT_EQ(run.apply().exit_code(), 2);
  EXPECT_EQ(run.dead_letters("target"), Lines{"4"});
  EXPECT_EQ(rows(), (Lines{"s1|{}|NULL|NULL|NULL|NULL|NULL", "s2|NULL|NULL|NULL|NULL|NULL|NULL",
                           "s3|12.50|NULL|NULL|NULL|NULL|NULL", "s5|[10, {\"a\": \"in\"}, null]|in|NULL|NULL|NULL|NULL",
                           "s6|{\"\": \"empty\", \"*\": \"star\", \"1\": {\"a\": \"member\"}, \"a/b\": \"slash\","
                           " \"m~n\": \"tilde\"}|member|empty|slash|tilde|star"}));
}

TEST_F(Payloads, TheLastOfEqualKeysCounts) {
  for (const char* type : {"json", "text", "bytea"}) {
    SCOPED_TRACE(type);
    database.execute("DROP TABLE IF EXISTS event_store, target");
    create_store(type);
    const std::string cast = type == std::string("bytea") ? "convert_to(%, 'UTF8')" : "%";
    const auto written = [&](const std::string& json) { return std::string(cast).replace(cast.find('%'), 1, json); };
    append(1, written(R"('{"v": 1, "o": {"v": 1}, "v": 2, "o": {"w": 3, "w": 4}, "\u0076": 5}')"));
    append(2, written(R"('{"v": 1, "o": {"v": 1}, "o": 7, "v": null}')"));
    project("v text, ov text, ow text", by_stream + "set = { v = \"/v\", ov = \"/o/v\", ow = \"/o/w\" }\n");
    run.write_projection("again",
                         "table = \"again\"\nkey = [\"id\"]\n[[on]]\nevent = \"never\"\nkey = { id = \"/v\" }\n");
    run.options.projections = {"target"};
    EXPECT_EQ(run.apply().exit_code(), 0);
    EXPECT_EQ(rows(), (Lines{"s1|5|NULL|4", "s2|NULL|NULL|NULL"}));
  }
}

/// What a payload column can hold and a text cannot: an error where it is used, of no interest elsewhere.
TEST_F(Payloads, UnreadableTextsConcernOnlyWhoUsesThem) {
  create_store("json");
  append(1, R"('{"v": "a\u0000b"}')");
  append(2, R"('{"v": "ok", "w": "a\u0000b", "\u0000": 1}')");
  append(3, R"('{"v": "\ud800"}')");
  append(4, R"('{"v": "ok", "w": ["\udc00 \ud800x"]}')");
  append(5, R"('{"v": "\ud83d\ude00"}')");
  project("v text", by_stream + "set = { v = \"/v\" }\n");
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_EQ(rows(), (Lines{"s2|ok", "s4|ok", "s5|\xF0\x9F\x98\x80"}));
  EXPECT_EQ(run.dead_letters("target"), (Lines{"1", "3"}));
}

TEST_F(Payloads, ThatAreNoJsonAreRefusedWithTheirEvent) {
  for (const char* type : {"text", "bytea"}) {
    SCOPED_TRACE(type);
    database.execute("DROP TABLE IF EXISTS event_store, target");
    create_store(type);
    append(1, R"('{"v": "ok"}')");
    int number = 1;
    for (const char* bad : {"", "{", "{\"v\": 1} x", "{\"v\": 01}", "{\"v\": 1,}", "{\"v\": +1}", "{\"v\": NaN}",
                            "{''v'': 1}", "{\"v\": \"\t\"}", "[1 2]", "tru", "{\"v\": 1, \"later\": }"})
      append(++number, std::string("convert_from('") + bad + "', 'UTF8')" + (type[0] == 'b' ? "::bytea" : ""));
    if (type[0] == 'b') append(++number, R"('\x7b2276223a2022ff227d')");  // a byte that is no UTF-8
    if (type[0] == 'b') append(++number, R"('\x7b2276223a2022c080227d')");
    append(98, R"(E' \n{"v" :\t"ok" } ')");
    project("v text", by_stream + "set = { v = \"/v\" }\n");
    EXPECT_EQ(run.apply().exit_code(), 2);
    EXPECT_EQ(rows(), (Lines{"s1|ok", "s98|ok"}));
    EXPECT_EQ(run.dead_letters("target").size(), static_cast<std::size_t>(number - 1));
  }
}

TEST_F(Payloads, OfThousandsOfLevelsAreWritten) {
  create_store("json");
  append(1, "(repeat('[', 6000) || repeat(']', 6000))::json");
  append(2, "('{\"v\": ' || repeat('{\"a\": ', 5000) || '\"deep\"' || repeat('}', 5000) || '}')::json");
  append(3, "('{\"deep\": ' || repeat('[', 6000) || repeat(']', 6000) || ', \"v\": \"beside\"}')::json");
  project("v text, whole json", by_stream + "set = { v = \"/v\", whole = \"@payload\" }\n");
  EXPECT_EQ(run.apply().exit_code(), 0);
  EXPECT_EQ(database.rows("SELECT id FROM target t JOIN event_store e ON e.aggregate_id = t.id WHERE t.whole::text ="
                          " e.payload::text AND t.v IS NOT DISTINCT FROM e.payload #>> '{v}' ORDER BY id"),
            (Lines{"s1", "s2", "s3"}));
}

TEST_F(Payloads, AttributesAreWhatTheStoreHolds) {
  create_store("jsonb");
  append(1, R"('{"list": [{"k": "x"}, {"k": "y"}], "map": {"p/q": {"ü": 1}, "r": {"s": 2}}}')");
  database.execute("INSERT INTO event_store VALUES (2, NULL, DEFAULT, NULL, '{\"list\": []}', NULL)");
  project("position text, event_id integer, type text, ts timestamptz, payload jsonb, metadata jsonb, by integer",
          "key = { id = \"@event_id\" }\nset = { position = \"@position\", event_id = \"@event_id\", type = \"@type\","
          " ts = \"@ts\", payload = \"@payload\", metadata = \"@metadata\" }\n");
  database.execute("CREATE TABLE matches (id text PRIMARY KEY, value text)");
  run.write_projection(
      "matches",
      "table = \"matches\"\nkey = [\"id\"]\n"
      "[[on]]\nevent = \"*\"\nfor_each = \"/list/*\"\nkey = { id = \"@1\" }\nset = { value = \"./k\" }\n"
      "[[on]]\nevent = \"*\"\nfor_each = \"/map/*/*\"\nkey = { id = \"@2\" }\nset = { value = \"@1\" }\n");
  EXPECT_EQ(run.apply().exit_code(), 0);
  EXPECT_EQ(database.rows("SELECT position, event_id, type, ts = '2025-01-01Z', payload = (SELECT e.payload FROM"
                          " event_store e WHERE e.event_id = t.event_id), metadata FROM target t ORDER BY id"),
            (Lines{"1|1|happened|t|t|{\"by\": 7}", "2|2|happened|NULL|t|NULL"}));
  EXPECT_EQ(database.rows("SELECT * FROM matches ORDER BY id COLLATE \"C\""),
            (Lines{"0|x", "1|y", "s|r", "\xC3\xBC|p/q"}));
}

TEST_F(Payloads, TimesOfEveryAgeKeepTheirValue) {
  const Lines moments{"-infinity",
                      "4714-11-24 00:00:00+00 BC",
                      "0044-03-15 12:00:00.000001+00 BC",
                      "0001-01-01 00:00:00+00",
                      "1969-12-31 23:59:59.999999+00",
                      "2025-02-01 00:00:00.5+00",
                      "294276-12-31 23:59:59.999999+00",
                      "infinity"};
  for (const char* type : {"timestamptz", "timestamp"}) {
    SCOPED_TRACE(type);
    database.execute("DROP TABLE IF EXISTS event_store, target");
    create_store("jsonb", type);
    for (std::size_t index = 0; index < moments.size(); ++index)
      append(static_cast<int>(index), "'{}'", moments[index]);
    const std::string column = type;
    project("seen " + column + ", as_text text, least " + column + ", most " + column + ", day timestamp",
            by_stream +
                "set = { seen = \"@ts\", as_text = \"@ts\", day = \"@ts\" }\nmin = { least = \"@ts\" }\nmax = { most = "
                "\"@ts\" }\n"
                "[[on]]\nevent = \"*\"\nkey = { id = { literal = \"all\" } }\nmin = { least = \"@ts\" }\nmax = { most "
                "= \"@ts\" }\n");
    for (const std::uint64_t batch_events : {1U, 3U, 100U}) {
      run.options.batch_events = batch_events;
      EXPECT_EQ(run.apply().exit_code(), 0);
      EXPECT_EQ(
          database.value("SELECT count(*) FROM target t JOIN event_store e ON e.aggregate_id = t.id WHERE t.seen = e.ts"
                         " AND t.as_text::" +
                         column +
                         " = e.ts AND t.least = e.ts AND t.most = e.ts"
                         " AND t.day = e.ts::timestamptz AT TIME ZONE 'UTC'"),
          std::to_string(moments.size()));
      EXPECT_EQ(database.rows("SELECT least, most FROM target WHERE id = 'all'"), Lines{"-infinity|infinity"});
    }
  }
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file two spellings of one key could become two rows, or two keys one: the engine joins the events of a
// batch by its own idea of equality, which must be the database's.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

struct KeyCase {
  std::string type;
  /// JSON values; those of one group are one key, in the order in which they come.
  std::vector<Lines> groups;
  Lines refused;
  friend void PrintTo(const KeyCase& one, std::ostream* out) { *out << one.type; }
};

const std::vector<KeyCase> key_cases{
    {"integer",
     {{"7", "7.0", "\"7\"", "\" +7 \"", "7e0", "0.7e1", "\"007\""}, {"-7", "\"-7\""}, {"0", "-0", "\"-0\""}},
     {"7.5", "\"7.0\"", "\"\"", "\"x\"", "2147483648", "true", "null", "{}", "[7]"}},
    {"bigint",
     {{"9223372036854775807", "\"9223372036854775807\""},
      {"-9223372036854775808"},
      {"9007199254740993"},
      {"9007199254740992"}},
     {"9223372036854775808", "1E400"}},
    {"smallint", {{"32767"}, {"-32768"}}, {"32768"}},
    {"numeric",
     {{"1", "1.0", "1.000", "\"1\"", "\" 1.00 \"", "1e0", "10e-1"},
      {"0", "-0.0", "\"0.00\""},
      {"0.1", "1e-1"},
      {"123456789012345678901234567890.5"},
      {"123456789012345678901234567890.6"}},
     {"\"\"", "\"one\"", "true", "[1]"}},
    {"numeric(10,2)", {{"1", "1.004", "0.995", "\"1.00\""}, {"1.01", "1.005"}, {"-1.01", "-1.005"}}, {"123456789.00"}},
    {"uuid",
     {{"\"550e8400-e29b-41d4-a716-446655440000\"", "\"550E8400-E29B-41D4-A716-446655440000\"",
       "\"{550e8400-e29b-41d4-a716-446655440000}\"", "\"550e8400e29b41d4a716446655440000\"",
       "\"550e-8400-e29b-41d4-a716-4466-5544-0000\""},
      {"\"550e8400-e29b-41d4-a716-446655440001\""}},
     {"\"550e8400-e29b-41d4-a716-44665544000\"", "\"\"", "5", "\"{550e8400-e29b-41d4-a716-446655440000\"",
      "\" 550e8400-e29b-41d4-a716-446655440000\"", "\"5-50e8400-e29b-41d4-a716-446655440000\""}},
    {"boolean",
     {{"true", "\"true\"", "\"t\"", "\"YES\"", "\" on \"", "1", "\"1\"", "\"tr\""},
      {"false", "\"off\"", "\"of\"", "0"}},
     {"\"o\"", "\"\"", "2", "{}"}},
    {"mood", {{"\"happy\""}, {"\"Happy\""}, {"\" happy\""}}, {"\"sad\"", "\"\"", "1"}},
    {"text",
     {{"\"a\""},
      {"\"A\""},
      {"\"a \""},
      {"\"\""},
      {"\"1\"", "1"},
      {"1.0"},
      {"true", "\"true\""},
      {"\"NULL\""},
      {"\"null\""},
      {"\"\\u00e9\""},
      {"\"e\\u0301\""},
      {"\"a\\\\,{}\\\"b\\n\""}},
     {"null", "{}", "[]"}},
    {"varchar(5)", {{"\"abcde\""}, {"\"abc\""}}, {"\"abcdef\""}},
    {"positive", {{"1", "1.0"}, {"2"}}, {"-1", "0"}},
    {"lower_text", {{"\"a\""}, {"\"b\""}}, {"\"B\""}}};

class Keys : public testing::TestWithParam<KeyCase> {};

TEST_P(Keys, OfEverySpellingAreOneRow) {
  Database database;
  database.create_event_store();
  database.execute(
      "CREATE TYPE mood AS ENUM ('happy', 'Happy', ' happy'); CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);"
      "CREATE DOMAIN lower_text AS text CHECK (VALUE = lower(VALUE));"
      "CREATE TABLE target (id " +
      GetParam().type + " PRIMARY KEY, spellings text[], count integer)");

  // The groups are told apart by a number of their own; the events of all groups are mixed.
  std::uint64_t number = 0;
  Lines refused;
  for (std::size_t round = 0; round < 8; ++round)
    for (std::size_t group = 0; group < GetParam().groups.size(); ++group)
      if (const Lines& spellings = GetParam().groups[group]; round < spellings.size()) {
        ++number;
        database.append(number, number, "seen", "",
                        "{\"id\": " + spellings[round] + ", \"group\": \"" + std::to_string(group) + "\"}");
      }
  for (const std::string& json : GetParam().refused) {
    ++number;
    database.append(number, number, "seen", "", "{\"id\": " + json + ", \"group\": \"refused\"}");
    refused.push_back(event_id(number));
  }
  ++number;
  database.append(number, number, "seen", "", "{\"group\": \"refused\"}");
  refused.push_back(event_id(number));

  InProcess run(database);
  run.options.on_error = OnError::skip;
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"seen\"\nkey = { id = \"/id\" }\n"
                       "append = { spellings = \"/group\" }\nadd = { count = 1 }\n");
  for (const std::uint64_t batch_events : {1U, 4U, 1000U}) {
    run.options.batch_events = batch_events;
    EXPECT_EQ(run.apply().exit_code(), 2);
    EXPECT_EQ(run.dead_letters("target"), refused);
    Lines expected;
    for (std::size_t group = 0; group < GetParam().groups.size(); ++group)
      expected.push_back(std::to_string(group) + "|" + std::to_string(GetParam().groups[group].size()));
    EXPECT_EQ(database.rows("SELECT (SELECT string_agg(DISTINCT s, '+') FROM unnest(spellings) AS s) AS groups, count"
                            " FROM target ORDER BY spellings[1]::int"),
              expected);
    // A row's key is what the database makes of the spelling that came first.
    EXPECT_EQ(database.rows(
                  // CASE, so that no plan converts the refused ones.
                  "SELECT t.id FROM target t WHERE NOT EXISTS (SELECT FROM event_store e WHERE"
                  " CASE WHEN e.payload->>'group' = t.spellings[1] THEN"
                  " (CASE WHEN pg_typeof(t.id)::text ~ 'int' THEN trunc((e.payload->>'id')::numeric)::text"
                  " ELSE e.payload->>'id' END)::" +
                  GetParam().type + " = t.id END)"),
              Lines{});
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Keys, testing::ValuesIn(key_cases), [](const auto& one) {
  return one.param.type.substr(0, one.param.type.find('(')) +
         (one.param.type.find(',') == std::string::npos ? "" : "_scaled");
});

TEST(CompositeKeys, AreComparedPartByPart) {
  Database database;
  database.create_event_store();
  database.execute("CREATE TABLE target (c text, a text, b text, n integer, PRIMARY KEY (b, a, c))");
  // What a careless join of the parts would take for one key.
  const std::vector<Lines> keys{{"x", "yz", ""},  {"xy", "z", ""},           {"", "xyz", ""},  {"x|", "y", "z"},
                                {"x", "|y", "z"}, {"x,y", "", "z"},          {"x", ",y", "z"}, {"1", "11", "1"},
                                {"11", "1", "1"}, {"\\u0001", "", "\\u0001"}};
  std::uint64_t number = 0;
  for (int round = 0; round < 3; ++round)
    for (const Lines& key : keys) {
      ++number;
      database.append(number, number, "seen", "",
                      "{\"a\": \"" + key[0] + "\", \"b\": \"" + key[1] + "\", \"c\": \"" + key[2] + "\"}");
    }
  InProcess run(database);
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"a\", \"b\", \"c\"]\n[[on]]\nevent = \"seen\"\n"
                       "key = { c = \"/c\", a = \"/a\", b = \"/b\" }\nadd = { n = 1 }\n");
  for (const std::uint64_t batch_events : {1U, 7U, 1000U}) {
    run.options.batch_events = batch_events;
    EXPECT_EQ(run.apply().exit_code(), 0);
    EXPECT_EQ(database.rows("SELECT count(*), count(*) FILTER (WHERE n = 3) FROM target"), Lines{"10|10"});
    EXPECT_EQ(
        database.value("SELECT count(*) FROM target t WHERE EXISTS (SELECT FROM event_store e WHERE e.payload->>'a' ="
                       " t.a AND e.payload->>'b' = t.b AND e.payload->>'c' = t.c)"),
        "10");
  }
}

TEST(TimeKeys, ComeFromTheEventsTime) {
  Database database;
  database.create_event_store();
  database.execute(
      "CREATE TABLE target (at timestamptz, day timestamp, n integer, PRIMARY KEY (at, day));"
      "INSERT INTO event_store SELECT gen_random_uuid(), m::timestamptz, 'seen', 's', '{}' FROM"
      " unnest('{2025-02-01 01:00:00+01,2025-02-01Z,2025-02-01 00:00:00.000001Z,-infinity,infinity,0044-03-15 "
      "BC}'::text[])"
      " AS m");
  InProcess run(database);
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"at\", \"day\"]\n[[on]]\nevent = \"seen\"\n"
                       "key = { at = \"@ts\", day = \"@ts\" }\nadd = { n = 1 }\n");
  for (const std::uint64_t batch_events : {1U, 1000U}) {
    run.options.batch_events = batch_events;
    EXPECT_EQ(run.apply().exit_code(), 0);
    EXPECT_EQ(
        database.rows("SELECT t.n - (SELECT count(*) FROM event_store e WHERE e.ts = t.at AND e.ts AT TIME ZONE 'UTC' ="
                      " t.day) FROM target t"),
        (Lines(5, "0")));
  }
}

}  // namespace
}  // namespace rebuild_projection::test

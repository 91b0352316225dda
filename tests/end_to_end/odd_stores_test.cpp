// Without this file a store that is no plain table with an index (a view, a join, partitions, another order, another
// encoding) could be read in a wrong order, twice, or not to its end.
#include <gtest/gtest.h>

#include <array>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

class OddStores : public testing::Test {
 protected:
  OddStores() : run(database) {
    database.execute("CREATE TABLE target (id text PRIMARY KEY, first text, last text, n integer, total numeric)");
    run.write_projection("target",
                         "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n"
                         "init = { first = \"@event_id\" }\nset = { last = \"@event_id\" }\n"
                         "add = { n = 1, total = \"/n\" }\n");
  }

  /// Rebuilds in several ways; the rows must be those of `events`, a query that gives event_id, stream, n and place.
  void expect_rows_of(const std::string& events) {
    for (const std::uint64_t batch_events : {7U, 100'000U}) {
      run.options.batch_events = batch_events;
      const Report report = run.apply();
      EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
      warnings = report.warnings;
      EXPECT_EQ(database.rows("SELECT id, rtrim(first), rtrim(last), n, total FROM target ORDER BY id"),
                database.rows("SELECT stream, rtrim((array_agg(event_id::text ORDER BY place))[1]),"
                              " rtrim((array_agg(event_id::text ORDER BY place DESC))[1]), count(*), sum(n) FROM (" +
                              events + ") AS e GROUP BY stream ORDER BY stream"));
      if (HasFailure()) return;
    }
  }

  Database database;
  InProcess run;
  Lines warnings;
};

TEST_F(OddStores, MayBeViewsOrJoins) {
  database.execute(
      "CREATE TABLE streams (id integer PRIMARY KEY, name text);"
      "CREATE TABLE messages (place bigint PRIMARY KEY, id uuid, at timestamp, kind text, stream integer, body text);"
      "INSERT INTO streams SELECT n, 's' || n FROM generate_series(0, 6) n;"
      "INSERT INTO messages SELECT n, md5(n::text)::uuid, now(), 'k', n % 7, '{\"n\": ' || n || '}' FROM "
      "generate_series(1, 500) n;"
      "CREATE VIEW event_store AS SELECT m.place, m.id AS event_id, m.at AS ts, m.kind AS event_type, s.name AS "
      "aggregate_id,"
      " m.body::jsonb AS payload FROM messages m JOIN streams s ON s.id = m.stream");
  const std::string events =
      "SELECT place, event_id, aggregate_id AS stream, (payload->>'n')::int AS n FROM event_store";
  run.write_store({{"order", "[\"place\"]"}});
  expect_rows_of(events);
  run.write_store(
      {{"from", toml_text("(SELECT m.*, s.name FROM public.messages m JOIN public.streams s ON s.id = m.stream\n"
                          " WHERE m.place % 2 = 0)")},
       {"order", "[\"place\"]"},
       {"event_id", "\"id\""},
       {"ts", "\"at\""},
       {"type", "\"kind\""},
       {"stream_id", "\"name\""},
       {"payload", "\"body\""}});
  expect_rows_of(events + " WHERE place % 2 = 0");
  // A table that the view reads is the store's, however it is named.
  database.execute("ALTER TABLE streams ADD first text, ADD last text, ADD n integer, ADD total numeric");
  run.write_projection(
      "target", "table = \"streams\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"/n\" }\nadd = { n = 1 }\n");
  EXPECT_NE(run.refusal().find("belongs to the event store"), std::string::npos) << run.refusal();
}

TEST_F(OddStores, MayBePartitioned) {
  database.execute(
      "CREATE TABLE event_store (ts timestamptz, event_id bigint, event_type text, aggregate_id text, payload jsonb,"
      " PRIMARY KEY (ts, event_id)) PARTITION BY HASH (event_id);"
      "CREATE TABLE p0 PARTITION OF event_store FOR VALUES WITH (MODULUS 3, REMAINDER 0);"
      "CREATE TABLE p1 PARTITION OF event_store FOR VALUES WITH (MODULUS 3, REMAINDER 1);"
      "CREATE TABLE p2 PARTITION OF event_store FOR VALUES WITH (MODULUS 3, REMAINDER 2);"
      "INSERT INTO event_store SELECT timestamptz '2025-01-01Z' + n / 50 * interval '1 s', (n * 7919) % 3001, 'k', 's' "
      "|| n % 7,"
      " jsonb_build_object('n', n) FROM generate_series(1, 3000) n");
  expect_rows_of(
      "SELECT (ts, event_id) AS place, event_id, aggregate_id AS stream, (payload->>'n')::int AS n FROM event_store");
  EXPECT_EQ(warnings, Lines{});
}

TEST_F(OddStores, WithoutAnIndexAreReadByOneCursor) {
  const std::string append =
      "INSERT INTO event_store SELECT timestamptz '2025-01-01Z' + n % 13 * interval '1 s', n, 'k', 's' || n % 7,"
      " jsonb_build_object('n', n) FROM generate_series";
  database.execute(
      "CREATE TABLE event_store (ts timestamptz, event_id bigint, event_type text, aggregate_id text, payload jsonb);" +
      append + "(1, 9999) n");
  const std::string events =
      "SELECT (ts, event_id) AS place, event_id, aggregate_id AS stream, (payload->>'n')::int AS n FROM event_store";
  expect_rows_of(events);
  EXPECT_EQ(warnings, Lines{});
  database.execute(append + "(10000, 12000) n");
  run.options.batch_events = 1000;
  const Report report = run.apply();
  ASSERT_EQ(report.warnings.size(), 1U);
  const std::string& warning = report.warnings.front();
  const std::size_t command =
      warning.find("CREATE INDEX CONCURRENTLY ON \"public\".\"event_store\" (\"ts\", \"event_id\");");
  ASSERT_NE(command, std::string::npos) << warning;
  expect_rows_of(events);
  std::string index = warning.substr(command);
  database.execute(index.erase(index.find("CONCURRENTLY"), 12));
  expect_rows_of(events);
  EXPECT_EQ(warnings, Lines{});
}

struct OrderCase {
  friend void PrintTo(const OrderCase& one, std::ostream* out) { *out << one.name; }
  std::string name, columns, order, values;  ///< values of generate_series(1, 300) n
};

class OddOrders : public OddStores, public testing::WithParamInterface<OrderCase> {};

TEST_P(OddOrders, AreTheDatabases) {
  const auto& [name, columns, order, values] = GetParam();
  std::string list, quoted;
  database.execute(
      "CREATE COLLATION by_number (provider = icu, locale = 'en-u-kn-true');"
      "CREATE TYPE size AS ENUM ('small', 'large', 'huge')");
  database.execute("CREATE TABLE event_store (" + columns +
                   ", event_type text DEFAULT 'k', aggregate_id text, payload jsonb, PRIMARY KEY (" + order +
                   ")); INSERT INTO event_store SELECT " + values +
                   ", 'k', 's' || n % 7, jsonb_build_object('n', n) FROM generate_series(1, 300) n");
  std::string toml = "[\"" + order + "\"]";
  if (const auto comma = toml.find(", "); comma != std::string::npos) toml.replace(comma, 2, "\", \"");
  run.write_store({{"order", toml}, {"event_id", "\"event_id\""}, {"ts", "\"\""}});
  expect_rows_of("SELECT row_number() OVER (ORDER BY " + order +
                 ") AS place, event_id, aggregate_id AS stream, (payload->>'n')::int AS n"
                 " FROM event_store");
  // From an event on: its position goes into SQL and comes back.
  const std::string third = database.value("SELECT event_id FROM event_store ORDER BY " + order + " OFFSET 2 LIMIT 1");
  run.options.from_event_id = third;
  run.options.clear = Clear::always;
  EXPECT_EQ(run.apply().events_read, 297U);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, OddOrders,
    testing::Values(
        OrderCase{"bigint", "event_id bigint", "event_id", "n * 10 - 2000"},
        OrderCase{"natural_text", "a text COLLATE by_number, event_id bigint", "a, event_id", "'A' || n % 20, n"},
        OrderCase{"padded", "event_id char(20)", "event_id", "n % 17 || 'x' || n"},
        OrderCase{"padded_and_long", "a char(3), event_id varchar(10)", "a, event_id", "n % 40, n"},
        OrderCase{"numeric", "a numeric(30,5), event_id uuid", "a, event_id", "n % 13 / 7.0, md5(n::text)::uuid"},
        OrderCase{"float", "a float8, event_id integer", "a, event_id", "n % 13 / 7.0, n"},
        OrderCase{"xid", "a xid8, event_id bigint", "a, event_id", "(n % 20)::text::xid8, n"},
        OrderCase{"size", "a size, event_id bigint", "a, event_id", "(enum_range(NULL::size))[n % 3 + 1], n"},
        OrderCase{"bytes", "event_id bytea", "event_id", "decode(md5(n::text), 'hex')"},
        OrderCase{"interval", "a interval, event_id bigint", "a, event_id", "n % 50 * interval '36 hours', n"},
        OrderCase{"quoted", "event_id text", "event_id", "'it''s \\ \"' || chr(10) || n"}),
    [](const auto& one) { return one.param.name; });

TEST_F(OddStores, NameTheirTypesByValuesOfAnyType) {
  database.execute("CREATE TYPE kind AS ENUM ('born', 'gone'); CREATE TABLE kinds (id integer PRIMARY KEY, n integer)");
  const std::vector<std::array<std::string, 3>> types{
      {"smallint", "-7", "7"},
      {"integer", "70000", "1"},
      {"bigint", "5000000000", "2"},
      {"uuid", "00010203-0405-0607-0809-0a0b0c0d0e0f", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
      {"timestamptz", "2025-02-01 00:00:00.5+00", "2025-02-02 00:00:00+00"},
      {"jsonb", "\"born\"", "\"gone\""},
      {"boolean", "t", "f"},
      {"kind", "born", "gone"},
      {"char(6)", "born  ", "gone  "},
      {"numeric", "1.10", "2"}};
  run.write_store({{"order", "[\"event_id\"]"}});
  for (const auto& [type, wanted, other] : types) {
    SCOPED_TRACE(type);
    database.execute(
        "DROP TABLE IF EXISTS event_store; CREATE TABLE event_store (event_id integer PRIMARY KEY, ts "
        "timestamptz NOT NULL DEFAULT now(), event_type " +
        type +
        " NOT NULL, aggregate_id integer NOT NULL, payload jsonb NOT NULL DEFAULT '{}');"
        "INSERT INTO event_store (event_id, event_type, aggregate_id) SELECT n, (CASE n % 3 WHEN 0 THEN '" +
        wanted + "' ELSE '" + other + "' END)::" + type + ", n % 5 FROM generate_series(1, 100) n");
    run.write_projection("target", "table = \"kinds\"\nkey = [\"id\"]\n[[on]]\nevent = " + toml_text(wanted) +
                                       "\nkey = { id = \"@stream_id\" }\nadd = { n = 1 }\n");
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    EXPECT_EQ(
        database.rows("SELECT id, n FROM kinds ORDER BY id"),
        database.rows("SELECT aggregate_id, count(*) FROM event_store WHERE event_id % 3 = 0 GROUP BY 1 ORDER BY 1"));
  }
}

TEST_F(OddStores, BytesThatAreNoTextAreRefusedWithTheirEvent) {
  Database ascii("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
  ascii.execute("SET client_encoding = 'SQL_ASCII'");  // of this session
  ascii.create_event_store();
  ascii.execute("CREATE TABLE target (id text PRIMARY KEY, v text)");
  for (std::uint64_t number = 1; number <= 6; ++number)
    ascii.append(number, number, "seen", "s" + std::to_string(number),
                 "{\"v\": \"" +
                     std::string(number == 3   ? "\xff\xfe"
                                 : number == 5 ? "\xc3"
                                               : "\xc3\xa4") +
                     "\", \"other\": \"" + (number == 6 ? "\xff" : "") + "\"}");
  InProcess in_ascii(ascii);
  in_ascii.write_projection("target",
                            "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" "
                            "}\nset = { v = \"/v\" }\n");
  in_ascii.options.on_error = OnError::skip;
  const Report report = in_ascii.apply();
  EXPECT_EQ(report.ending, Ending::complete) << report.ending_detail;
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_EQ(in_ascii.dead_letters("target"), (Lines{event_id(3), event_id(5), event_id(6)}));
  EXPECT_EQ(ascii.rows("SELECT id FROM target WHERE v = E'\\xc3\\xa4' ORDER BY id"), (Lines{"s1", "s2", "s4"}));
  // Into a database with an encoding it is the same.
  Database utf8;
  utf8.execute("CREATE TABLE target (id text PRIMARY KEY, v text)");
  InProcess across(utf8);
  across.options = in_ascii.options;
  across.options.source_dsn = ascii.dsn();
  across.options.dsn = utf8.dsn();
  const Report report_across = across.apply();
  EXPECT_EQ(report_across.ending, Ending::complete) << report_across.ending_detail;
  EXPECT_EQ(report_across.exit_code(), 2);
  EXPECT_EQ(utf8.rows("SELECT id FROM target WHERE v = 'ä' ORDER BY id"), (Lines{"s1", "s2", "s4"}));
}

TEST_F(OddStores, AnEventWithoutAnIdGoesByItsPosition) {
  database.execute(
      "CREATE TABLE event_store (place integer PRIMARY KEY, event_id uuid, event_type text, aggregate_id text, payload "
      "jsonb); INSERT INTO event_store SELECT n, NULL, 'k', 's', jsonb_build_object('n', n) FROM generate_series(1, "
      "10) n");
  run.write_store({{"order", "[\"place\"]"}, {"ts", "\"\""}});
  run.options.max_events = 4;
  EXPECT_EQ(run.apply().last_event_id, "4");
  run.options.max_events = 0;
  run.options.resume = true;
  const Report rest = run.apply();
  EXPECT_EQ(rest.exit_code(), 0) << rest.ending_detail;
  EXPECT_EQ(rest.events_read, 6U);
  EXPECT_EQ(database.value("SELECT total FROM target"), "55");
}

TEST_F(OddStores, AnEventWithoutAPlaceInTheOrderIsNotLostInSilence) {
  database.execute(
      "CREATE TABLE event_store (event_id bigint, ts timestamptz, event_type text, aggregate_id text, payload jsonb);"
      "CREATE INDEX ON event_store (ts, event_id); INSERT INTO event_store SELECT n, CASE WHEN n <> 5 THEN timestamptz "
      "'2025-01-01Z' END,"
      " 'k', 's', '{\"n\": 1}' FROM generate_series(1, 10) n");
  std::string said;
  try {
    const Report report = run.apply();
    said = report.exit_code() == 0 ? "" : report.ending_detail;
    if (report.exit_code() == 0) {
      EXPECT_EQ(database.value("SELECT n FROM target"), "10");
    }
  } catch (const std::exception& refused) {
    said = refused.what();
  }
  EXPECT_NE(said.find("NULL"), std::string::npos) << "says: " << said;
}

}  // namespace
}  // namespace rebuild_projection::test

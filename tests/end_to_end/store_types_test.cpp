// Without this file a store whose columns are of a type that compares otherwise than as a text could be read in part,
// or its events taken for others: here every role of a store has the type, and plain SQL says what must come out.
#include <gtest/gtest.h>

#include "stages/explain.h"
#include "stages/read/event_store.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

/// `value` is SQL of a number n that gives a value for each, and `spelled` a text of the same value that need not be
/// the one that the server prints.
struct Kind {
  friend void PrintTo(const Kind& one, std::ostream* out) { *out << one.name; }
  std::string name, type, value, spelled;
};

const std::string any_case = "CASE {n} % 2 WHEN 0 THEN 'K' ELSE 'k' END || {n}";

std::string of(const std::string& sql, const std::string& n) {
  std::string result = sql;
  for (std::size_t at = 0; (at = result.find("{n}", at)) != std::string::npos; at += n.size()) result.replace(at, 3, n);
  return "(" + result + ")";
}

class StoreTypes : public testing::TestWithParam<Kind> {
 protected:
  StoreTypes() : run(database) {
    database.execute(
        "CREATE SCHEMA elsewhere; CREATE EXTENSION citext SCHEMA elsewhere; CREATE EXTENSION ltree; CREATE EXTENSION "
        "hstore; SET search_path = public, elsewhere;"
        "CREATE DOMAIN padded AS char(9); CREATE DOMAIN code AS padded; CREATE DOMAIN handle AS elsewhere.citext;"
        "CREATE TYPE pair AS (a integer, b text);"
        "CREATE COLLATION by_case (provider = icu, locale = 'en-u-ks-level2', deterministic = false);"
        "DO $$ BEGIN EXECUTE 'CREATE TYPE size AS ENUM (' || (SELECT string_agg(quote_literal('s' || n), ', ' ORDER BY "
        "-n) FROM generate_series(1, 60) n) || ')'; END $$");
    const std::string& type = GetParam().type;
    const auto of_number = [](const std::string& n) { return of(GetParam().value, n); };
    database.execute(
        "CREATE TABLE event_store (pos " + type + " PRIMARY KEY, event_id " + type + ", event_type " + type +
        ", aggregate_id " + type + ", payload jsonb, n integer, place integer);" + "INSERT INTO event_store SELECT " +
        of_number("n") + ", " + of_number("n") + ", " + of_number("(n % 3 + 1)") + ", " + of_number("(n % 5 + 1)") +
        ", jsonb_build_object('n', n), n FROM generate_series(1, 60) AS n ORDER BY md5(n::text);"
        "UPDATE event_store AS e SET place = o.place FROM (SELECT n, row_number() OVER (ORDER BY pos) AS place"
        " FROM event_store) AS o WHERE o.n = e.n");
    database.execute("CREATE TABLE target (id text PRIMARY KEY, n integer, total numeric, seen text[])");
    run.write_store({{"order", "[\"pos\"]"}, {"ts", "\"\""}});
    run.write_projection("target", "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = [" + toml_text(spelled(1)) +
                                       ", " + toml_text(spelled(2)) +
                                       "]\nkey = { id = \"@stream_id\" }\nadd = { n = 1, total = \"/n\" }\n"
                                       "append = { seen = \"/n\" }\n");
    run.options.batch_events = 7;
  }

  std::string spelled(int n) { return database.value("SELECT " + of(GetParam().spelled, std::to_string(n))); }
  /// Of `what`, over the events that the projection handles.
  [[nodiscard]] std::string handled(const std::string& what, const std::string& condition = "true") const {
    return "SELECT " + what + " FROM event_store WHERE n % 3 < 2 AND " + condition;
  }
  Report apply() {
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    return report;
  }
  void expect_rows() {
    EXPECT_EQ(database.rows("SELECT id, n, total, seen FROM target ORDER BY n, total"),
              database.rows("SELECT rtrim(concat(aggregate_id)), n, total, seen FROM (" +
                            handled("aggregate_id, count(*) AS n, sum(n) AS total,"
                                    " array_agg(n ORDER BY place) AS seen") +
                            " GROUP BY aggregate_id) AS expected ORDER BY n, total"));
  }

  void expect_positions_in_their_order() {
    Session session(Server{database.dsn()}, "read", Session::Access::read_only);
    const EventStore store(read_store_file(run.options.store), session);
    const Lines order = database.rows("SELECT rtrim(pos::text) FROM event_store ORDER BY pos");
    for (std::size_t at = 1; at < order.size(); ++at) {
      EXPECT_TRUE(store.not_before(session, {order[at]}, {order[at - 1]})) << order[at];
      EXPECT_FALSE(store.not_before(session, {order[at - 1]}, {order[at]})) << order[at];
    }
  }

  Database database;
  InProcess run;
};

INSTANTIATE_TEST_SUITE_P(
    Kinds, StoreTypes,
    testing::Values(
        Kind{"text", "text", "'k' || {n}", "'k' || {n}"}, Kind{"varchar", "varchar(9)", "{n}::text", "{n}"},
        Kind{"character", "char(9)", "'k' || {n}", "'k' || {n}"},
        Kind{"domain_of_character", "code", "'k' || {n}", "rpad('k' || {n}, 20)"},
        Kind{"citext", "citext", any_case, "'k' || {n}"}, Kind{"domain_of_citext", "handle", any_case, "'K' || {n}"},
        Kind{"array_of_citext", "citext[]", "ARRAY['a', " + any_case + "]::citext[]", "'{a,k' || {n} || '}'"},
        Kind{"ltree", "ltree", "('a' || {n} || '.b')::ltree", "'a' || {n} || '.b'"},
        Kind{"hstore", "hstore", "hstore('k', {n}::text)", "'k=>' || {n}"},
        Kind{"in_any_case", "text COLLATE by_case", any_case, "'k' || {n}"},
        Kind{"icu", "text COLLATE \"en-x-icu\"", any_case, any_case}, Kind{"name", "name", "'k' || {n}", "'k' || {n}"},
        Kind{"enumeration", "size", "('s' || {n})::size", "'s' || {n}"},
        Kind{"numeric", "numeric", "({n} * 1.50)", "({n} * 1.50) || '0'"},
        Kind{"bigint", "bigint", "({n} * -3)", "({n} * -3)"},
        Kind{"float", "float8", "({n} / 7.0::float8)", "({n} / 7.0::float8)"},
        Kind{"inet", "inet", "('10.0.0.' || {n})::inet", "'10.0.0.' || {n} || '/32'"},
        Kind{"uuid", "uuid", "md5({n}::text)::uuid", "upper(md5({n}::text))"},
        Kind{"timestamptz", "timestamptz", "(timestamptz '2025-01-01Z' + {n} * interval '1 day')",
             "to_char(timestamp '2025-01-01' + {n} * interval '1 day', 'YYYY-MM-DD') || 'T00:00Z'"},
        Kind{"interval", "interval", "({n} * interval '36 hours')", "{n} * 36 || ' hours'"},
        Kind{"bytea", "bytea", "decode(md5({n}::text), 'hex')", "'\\x' || upper(md5({n}::text))"},
        Kind{"bits", "bit(8)", "{n}::bit(8)", "{n}::bit(8)"},
        Kind{"range", "int4range", "int4range(-{n}, 100)", "'[' || -{n} || ',99]'"},
        Kind{"composite", "pair", "ROW({n} % 3, 'x' || {n})::pair", R"('(' || {n} % 3 || ',"x' || {n} || '")')"},
        Kind{"composite_with_null", "pair", "ROW(nullif({n}, 2), CASE WHEN {n} % 2 = 1 THEN 'x' END)::pair",
             "concat('(', nullif({n}, 2), ',', CASE WHEN {n} % 2 = 1 THEN 'x' END, ')')"},
        Kind{"jsonb", "jsonb", "to_jsonb({n} * 1.50)", "({n} * 1.50) || '0'"}),
    [](const auto& one) { return one.param.name; });

TEST_P(StoreTypes, CompareAsTheServerDoes) {
  expect_positions_in_their_order();
  EXPECT_EQ(apply().events_read, 60U);
  expect_rows();

  run.options.max_events = 17;
  apply();
  run.options.max_events = 0;
  run.options.resume = true;
  EXPECT_EQ(apply().events_read, 43U);
  expect_rows();
  EXPECT_EQ(apply().events_read, 0U);
  run.options.resume = false;

  run.options.mode = Mode::dry_run;
  const Report dry = apply();
  EXPECT_EQ(std::to_string(dry.projections[0].applied), database.value(handled("count(*)")));
  run.options.mode = Mode::verify;
  apply();
}

TEST_P(StoreTypes, FindOneEventAndOneStream) {
  run.options.from_event_id = spelled(30);
  run.options.clear = Clear::always;
  const std::string later = "place > (SELECT place FROM event_store WHERE n = 30)";
  EXPECT_EQ(std::to_string(apply().events_read), database.value("SELECT count(*) FROM event_store WHERE " + later));
  run.options.from_event_id.reset();
  run.options.from_position = {spelled(30)};
  EXPECT_EQ(std::to_string(apply().events_read), database.value("SELECT count(*) FROM event_store WHERE " + later));
  run.options.from_position.clear();
  run.options.clear = Clear::automatic;

  // The rows that no later event touches stay as they are.
  apply();
  database.execute("UPDATE target SET total = 0 WHERE id IN (SELECT rtrim(concat(aggregate_id)) FROM (" +
                   handled("aggregate_id", later) + ") AS touched)");
  run.options.from_event_id = spelled(30);
  run.options.scope = Scope::touched;
  apply();
  expect_rows();
  run.options.from_event_id.reset();
  run.options.scope = Scope::all;

  const std::string stream = database.value("SELECT rtrim(concat(aggregate_id)) FROM event_store WHERE n % 5 = 0");
  const Report explained = explain_row(run.options, ProjectorRegistry(), {{std::nullopt, stream}}, {});
  EXPECT_EQ(explained.exit_code(), 0) << explained.ending_detail;
  EXPECT_EQ(std::to_string(explained.history->events.size()), database.value(handled("count(*)", "n % 5 = 0")));
}

/// Columns of different kinds, of which a row has both.
TEST(StoreTypesTogether, CompareAsTheServerDoes) {
  Database database;
  database.execute(
      "CREATE SCHEMA elsewhere; CREATE EXTENSION citext SCHEMA elsewhere; CREATE EXTENSION ltree;"
      "CREATE TABLE target (id text PRIMARY KEY, seen text[]);"
      "CREATE TABLE event_store (a elsewhere.citext, b integer, c public.ltree, d char(4), event_type text DEFAULT 'k',"
      " aggregate_id text DEFAULT 's', payload jsonb, PRIMARY KEY (a, b, c, d));"
      "INSERT INTO event_store (a, b, c, d, payload) SELECT (ARRAY['x', 'Y', 'z'])[n % 3 + 1], n % 2,"
      " ('a.b' || n % 4)::ltree, n % 11, jsonb_build_object('n', n) FROM generate_series(1, 120) AS n");
  InProcess run(database);
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n"
                       "append = { seen = \"/n\" }\n");
  run.options.batch_events = 7;
  for (const char* order : {"a b c d", "b a d c", "d c b a"}) {
    SCOPED_TRACE(order);
    std::string toml, sql;
    for (std::size_t at = 0; order[at] != '\0'; at += 2) {
      toml += std::string(at == 0 ? "[" : ", ") + "\"" + order[at] + "\"";
      sql += std::string(at == 0 ? "" : ", ") + order[at];
      if (order[at + 1] == '\0') break;
    }
    run.write_store({{"order", toml + "]"}, {"event_id", "\"\""}, {"ts", "\"\""}});
    run.options.resume = false;
    for (const std::uint64_t max_events : {50U, 31U, 0U}) {
      run.options.max_events = max_events;
      EXPECT_EQ(run.apply().exit_code(), 0);
      run.options.resume = true;
    }
    EXPECT_EQ(database.value("SELECT seen FROM target"),
              database.value("SELECT array_agg(payload->>'n' ORDER BY " + sql + ") FROM event_store"));
  }
}

TEST(StoreTypesThatSaySo, RefuseTwoNamesOfOneType) {
  Database database;
  database.execute(
      "CREATE TABLE event_store (event_id integer PRIMARY KEY, event_type char(9), aggregate_id text, payload jsonb);"
      "CREATE TABLE target (id text PRIMARY KEY)");
  InProcess run(database);
  run.write_store({{"order", "[\"event_id\"]"}, {"ts", "\"\""}});
  run.write_projection(
      "target", "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = [\"a\", \"a \"]\nkey = { id = \"@stream_id\" }\n");
  EXPECT_NE(run.refusal().find("the event types \"a\" and \"a \" are one to the store"), std::string::npos)
      << run.refusal();
}

/// These types cut a longer text without a word.
TEST(StoreTypesThatSaySo, AreNotWhatTheirTypeWouldMakeOfAName) {
  Database database;
  database.execute("CREATE TABLE target (id text PRIMARY KEY)");
  InProcess run(database);
  run.write_store({{"order", "[\"event_id\"]"}, {"ts", "\"\""}});
  const std::string name(64, 'k');
  run.write_projection("target", "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"" + name +
                                     "\"\nkey = { id = \"@stream_id\" }\n");
  for (const char* type : {"\"char\"", "name"}) {
    SCOPED_TRACE(type);
    database.execute(
        "DROP TABLE IF EXISTS event_store; CREATE TABLE event_store (event_id integer PRIMARY KEY,"
        " event_type " +
        std::string(type) +
        ", aggregate_id text, payload jsonb);"
        " INSERT INTO event_store VALUES (1, repeat('k', 64), 's', '{}')");
    EXPECT_EQ(run.apply().projections.at(0).ignored, 1U);
  }
}

TEST(StoreTypesThatSaySo, RefuseAnOrderThatIsNone) {
  Database database;
  database.execute(
      "CREATE TABLE event_store (pos json, event_type text, aggregate_id text, payload jsonb);"
      "CREATE TABLE target (id text PRIMARY KEY)");
  InProcess run(database);
  run.write_store({{"order", "[\"pos\"]"}, {"ts", "\"\""}, {"event_id", "\"\""}});
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n");
  EXPECT_NE(run.refusal().find("could not identify an ordering operator for type json"), std::string::npos)
      << run.refusal();
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a rebuild in place could lose what no rule writes, add to a default that is not the one of the
// table, or fail half way through on a table that is wider than a statement may be.
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

class OddColumns : public testing::Test {
 protected:
  OddColumns() : run(database) {
    database.create_event_store();
    for (std::uint64_t number = 1; number <= 6; ++number)
      database.append(number, number, "put", "s" + std::to_string(number % 2),
                      "{\"v\": " + std::to_string(number) + "}");
    run.options.batch_events = 2;
  }
  void write_rule(const std::string& rest) {
    run.write_projection(
        "p", "table = \"t\"\nkey = [\"id\"]\n[[on]]\nevent = \"put\"\nkey = { id = \"@stream_id\" }\n" + rest);
  }
  /// What VERIFY's exit code is.
  int verify() {
    Options options = run.options;
    options.mode = Mode::verify;
    return rebuild(options, ProjectorRegistry(), {}).exit_code();
  }
  /// UsageError's text, "" where the run was not refused; it then succeeded.
  std::string refusal() {
    try {
      EXPECT_EQ(run.apply().exit_code(), 0);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }

  Database database;
  InProcess run;
};

struct Unwritten {
  const char* column;
  const char* value;  ///< of a row that is there
  bool lost;
};
const std::vector<Unwritten> unwritten{
    {"text", "NULL", false},
    {"text", "'by hand'", true},
    {"text", "''", true},
    {"boolean NOT NULL DEFAULT false", "DEFAULT", false},
    {"boolean NOT NULL DEFAULT false", "true", true},
    {"boolean DEFAULT false", "NULL", true},
    {"numeric(10,2) DEFAULT 1", "DEFAULT", false},
    {"numeric(10,2) DEFAULT 1", "1.0", false},
    {"numeric(10,2) DEFAULT 1", "1.01", true},
    {"numeric DEFAULT 1.0", "1.00", true},
    {"char(3) DEFAULT 'a'", "DEFAULT", false},
    {"char(3) DEFAULT 'a'", "'b'", true},
    {"varchar(9) DEFAULT 'a'", "'a '", true},
    {"integer DEFAULT 3 * 4", "12", false},
    {"text DEFAULT lower('A')", "'a'", false},
    {"text[] DEFAULT ARRAY['a']", "'{a}'", false},
    {"json DEFAULT '{}'", "'{}'", false},
    {"json DEFAULT '{}'", "'{ }'", true},
    {"xml", "'<a/>'", true},
    {"point DEFAULT '(1,2)'", "'(1,2)'", false},
    {"pair", "ROW(NULL, NULL)", true},
    {"counted", "DEFAULT", false},
    {"counted", "6", true},
    {"noted", "'a'", true},
    {"timestamptz(0) DEFAULT '2025-01-01 00:00:00.6Z'", "DEFAULT", false},
    {"timestamptz DEFAULT now()", "DEFAULT", true},
    {"date DEFAULT CURRENT_DATE", "DEFAULT", true},
    {"uuid DEFAULT gen_random_uuid()", "DEFAULT", true},
    {"bigserial", "DEFAULT", true},
    {"bigint DEFAULT nextval('numbers')", "DEFAULT", true},
    {"bigint GENERATED ALWAYS AS IDENTITY", "DEFAULT", true},
    {"integer GENERATED ALWAYS AS (length(id)) STORED", "DEFAULT", false},
};

TEST_F(OddColumns, WhatNoRuleWritesIsNotLostByClearing) {
  database.execute(
      "CREATE DOMAIN counted AS integer DEFAULT 5; CREATE DOMAIN noted AS text; CREATE SEQUENCE numbers;"
      "CREATE TYPE pair AS (a integer, b integer)");
  std::string columns, names, values, lost;
  for (std::size_t index = 0; index < unwritten.size(); ++index) {
    const std::string name = "c " + std::to_string(index);
    columns += ", \"" + name + "\" " + unwritten[index].column;
    names += ", \"" + name + "\"";
    values += std::string(", ") + unwritten[index].value;
    if (unwritten[index].lost) lost += (lost.empty() ? "" : ", ") + name;
  }
  database.execute("CREATE TABLE t (id text PRIMARY KEY, v integer" + columns + ")");
  write_rule("set = { v = \"/v\" }\n");
  EXPECT_EQ(refusal(), "");  // there is nothing to lose
  database.execute("DELETE FROM t; INSERT INTO t (id, v" + names + ") VALUES ('s0', 0" + values + ")");
  const std::string others = "SELECT ROW(id" + names + ")::text FROM t WHERE id = 's0'";
  const std::string row = database.value(others), before = database.digest("t");
  const auto expect_rows = [&] {
    EXPECT_EQ(database.rows("SELECT id, v FROM t ORDER BY id"), (std::vector<std::string>{"s0|6", "s1|5"}));
  };
  for (const Mode mode : {Mode::dry_run, Mode::apply}) {
    run.options.mode = mode;
    const std::string refused = refusal();
    EXPECT_NE(refused.find(" in the columns " + lost + "; rebuild with --strategy shadow"), std::string::npos)
        << refused;
    EXPECT_EQ(database.digest("t"), before);
  }
  run.options.strategy = Strategy::shadow;
  EXPECT_EQ(refusal(), "");
  expect_rows();
  EXPECT_EQ(database.value(others), row);
  run.options.strategy = Strategy::in_place;
  run.options.resume = true;  // which clears nothing
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(database.value(others), row);
  run.options.resume = false;
  run.options.clear = Clear::always;
  EXPECT_EQ(refusal(), "");
  expect_rows();
  EXPECT_NE(database.value(others), row);
}

TEST_F(OddColumns, EveryLossIsNamedAndNothingElseRefused) {
  const std::string rules = "[[on]]\nevent = \"put\"\nkey = { id = \"@stream_id\" }\nset = { v = \"/v\" }\n";
  run.write_projection("p", "table = \"t\"\nkey = [\"id\"]\n" + rules);
  run.write_projection("q", "table = \"u\"\nkey = [\"id\"]\n" + rules);
  // What a row that is written to t begins with is not what its part says.
  database.execute(
      "CREATE TABLE t (id text PRIMARY KEY, v integer, note text DEFAULT 'none') PARTITION BY LIST (id);"
      "CREATE TABLE t_1 PARTITION OF t FOR VALUES IN ('s1'); CREATE TABLE t_rest PARTITION OF t DEFAULT;"
      "ALTER TABLE t_1 ALTER note SET DEFAULT 'other';"
      "INSERT INTO t SELECT 's' || n FROM generate_series(1, 1000) AS n;"
      "CREATE TABLE u (id text PRIMARY KEY, v integer, made timestamptz DEFAULT now()); INSERT INTO u VALUES ('x')");
  const std::string of_t = "projection p: rows of public.t hold what no rule writes";
  const std::string of_u = "projection q: rows of public.u hold what no rule writes";
  const auto expect_refused = [&](bool t, bool u) {
    const std::string refused = refusal();
    EXPECT_EQ(refused.find(of_t) != std::string::npos, t) << refused;
    EXPECT_EQ(refused.find(of_u) != std::string::npos, u) << refused;
  };
  expect_refused(false, true);
  for (const char* change : {"UPDATE t SET note = 'by hand' WHERE id = 's777'",
                             "UPDATE t SET note = DEFAULT; INSERT INTO t_1 VALUES ('s1') ON CONFLICT (id) DO UPDATE "
                             "SET note = EXCLUDED.note"}) {
    SCOPED_TRACE(change);
    database.execute(change);
    expect_refused(true, true);
  }
  run.options.resume = true;  // there is nothing to resume, so it starts over
  expect_refused(true, true);
  run.options.resume = false;
  run.options.truncate = true;
  expect_refused(true, true);
  run.options.truncate = false;
  EXPECT_EQ(database.value("SELECT count(*) FROM t"), "1000");
  EXPECT_EQ(verify(), 4);
  run.options.clear = Clear::never;
  expect_refused(false, false);
  run.options.clear = Clear::automatic;
  database.execute("UPDATE t SET note = 'none'; DELETE FROM u");
  expect_refused(false, false);
  EXPECT_EQ(verify(), 0);
}

TEST_F(OddColumns, OfTouchedRowsTooNothingIsLost) {
  write_rule("set = { v = \"/v\" }\n");
  database.execute(
      "CREATE TABLE t (id text PRIMARY KEY, v integer, note text); INSERT INTO t VALUES ('s1', 5, 'note')");
  run.options.scope = Scope::touched;
  run.options.from_position = {"2025-01-01 00:00:06Z", event_id(5)};  // the last event, of s0
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(database.rows("SELECT * FROM t ORDER BY id"), (std::vector<std::string>{"s0|6|NULL", "s1|5|note"}));
  database.execute("UPDATE t SET note = 'other' WHERE id = 's0'");
  EXPECT_NE(refusal().find("in the columns note; rebuild the whole table"), std::string::npos);
  EXPECT_EQ(database.value("SELECT note FROM t WHERE id = 's0'"), "other");
}

TEST_F(OddColumns, WhatIsAddedIsAddedToTheDefaultThatARowWouldHave) {
  database.execute("CREATE DOMAIN balance AS numeric(6,1) DEFAULT 0.05");
  for (const char* column : {"numeric(10,2) DEFAULT 0.005", "numeric(10,2) DEFAULT -0.005", "numeric(4,-2) DEFAULT 50",
                             "integer DEFAULT 0.5", "balance"}) {
    SCOPED_TRACE(column);
    for (const std::uint64_t batch_events : {1U, 100U})
      for (const char* value : {"-1", "1"}) {
        database.execute("DROP TABLE IF EXISTS t, server; CREATE TABLE t (id text PRIMARY KEY, n " +
                         std::string(column) +
                         "); CREATE TABLE server (LIKE t INCLUDING ALL); INSERT INTO server VALUES ('s0'), ('s1');" +
                         "UPDATE server SET n = n + (" + value + "); UPDATE server SET n = n + (" + value +
                         "); UPDATE server SET n = n + (" + value + ")");
        write_rule("add = { n = " + std::string(value) + " }\n");
        run.options.batch_events = batch_events;
        EXPECT_EQ(refusal(), "");
        EXPECT_EQ(database.rows("SELECT * FROM t ORDER BY id"), database.rows("SELECT * FROM server ORDER BY id"));
      }
  }
}

/// The server takes 1,600 columns in a table, and 1,664 in anything else.
TEST_F(OddColumns, TablesAreAsWideAsTheServerTakesThem) {
  const auto columns = [](int count, const std::string& before, const std::string& behind) {
    std::string text;
    for (int column = 0; column < count; ++column)
      text += (column == 0 ? "" : ", ") + before + std::to_string(column) + behind;
    return text;
  };
  constexpr int widest = 1'590;
  database.execute("CREATE TABLE t (id text PRIMARY KEY, " + columns(widest, "c", " smallint") + ")");
  write_rule("set = { " + columns(widest, "c", " = \"/v\"") + " }\n");
  const auto expect_rows = [&](const char* s0, const char* s1) {
    for (const char* column : {"c0", "c800", "c1589"})
      EXPECT_EQ(database.value("SELECT string_agg(" + std::string(column) + "::text, ' ' ORDER BY id) FROM t"),
                std::string(s0) + " " + s1);
  };
  EXPECT_EQ(refusal(), "");
  expect_rows("6", "5");
  EXPECT_EQ(verify(), 0);
  database.append(7, 7, "put", "s1", "{\"v\": 7}");
  run.options.resume = true;  // by a MERGE
  EXPECT_EQ(refusal(), "");
  expect_rows("6", "7");
  run.options.resume = false;
  database.execute("UPDATE t SET c1589 = 0 WHERE id = 's0'");
  EXPECT_EQ(verify(), 4);
  run.options.strategy = Strategy::shadow;
  EXPECT_EQ(refusal(), "");
  expect_rows("6", "7");
  run.options.strategy = Strategy::in_place;
  write_rule("add = { " + columns(widest, "c", " = \"/v\"") + " }\n");
  EXPECT_NE(refusal().find("writes 1590 columns, for which a statement needs 3183 arrays"), std::string::npos);
  expect_rows("6", "7");
}

}  // namespace
}  // namespace rebuild_projection::test

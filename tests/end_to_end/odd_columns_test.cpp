// Without this file a rebuild could add to a default that is not the one of the table, or fail half way through on a
// table that is wider than a statement may be.
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

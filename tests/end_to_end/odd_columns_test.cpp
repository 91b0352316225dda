// Without this file a rebuild could add to a default that is not the one of the table.
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

}  // namespace
}  // namespace rebuild_projection::test

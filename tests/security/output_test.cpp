// Without this file whoever may write an event could draw on the operator's terminal, or forge a line of a log.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

/// Clears the screen, names the window, turns the writing direction, forges a line, rings.
const std::string hostile =
    "\x1b[2J\x1b]0;owned\x07\xc2\x9b"
    "31m\xe2\x80\xae\r\n2025-01-01 00:00:00.000 info  all is well\x08\x7f";

/// Neither controls but line breaks, nor a line that begins as the forged one.
void expect_harmless(const std::string& text, const std::string& where) {
  for (const unsigned char byte : text) EXPECT_FALSE((byte < 0x20 && byte != '\n') || byte == 0x7f) << where << text;
  for (const char* part : {"\xc2\x9b", "\xe2\x80\xae", "\n2025-01-01 00:00:00.000 info  all is well"})
    EXPECT_EQ(text.find(part), std::string::npos) << where << text;
}

class HostileTexts : public testing::TestWithParam<std::string> {
 protected:
  /// A store in which whatever is a text is hostile: ids, types, streams, members and values; and rows that differ.
  HostileTexts() {
    database.execute(
        "CREATE TABLE event_store (event_id text PRIMARY KEY, ts timestamptz NOT NULL DEFAULT '2025-01-01Z',"
        " event_type text NOT NULL, aggregate_id text, payload jsonb);"
        "CREATE TABLE target (id text PRIMARY KEY, v text, n smallint)");
    for (int number = 0; number < 6; ++number)
      database.execute("INSERT INTO event_store VALUES ($e$" + std::to_string(number) + hostile + "$e$, DEFAULT, $e$" +
                       (number < 4 ? hostile : "unknown" + hostile) + "$e$, $e$stream" + hostile +
                       std::to_string(number) + "$e$, jsonb_build_object('v', $e$" + hostile + "$e$, $e$" + hostile +
                       "$e$, " + (number == 2 ? "$e$" + hostile + "$e$" : "'1'") + "))");
    // A file may not be the operator's own either.
    projections.write(
        "p.toml", "name = \"p\"\ntable = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = " + toml_text(hostile) +
                      "\nkey = { id = \"@stream_id\" }\nset = { v = \"/v\" }\nadd = { n = " + toml_text("/" + hostile) +
                      " }\n"
                      "[[on]]\nevent = " +
                      toml_text("never" + hostile) + "\nkey = { id = \"@stream_id\" }\nset = { v = \"/v\" }\n");
    store = stores.write(
        "store.toml", "name = " + toml_text(hostile) +
                          "\nfrom = \"event_store\"\norder = [\"event_id\"]\n"
                          "event_id = \"event_id\"\nts = \"ts\"\ntype = \"event_type\"\nstream_id = \"aggregate_id\"\n"
                          "payload = \"payload\"\n");
  }
  Program::Result run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--dsn", database.dsn(), "--projections", projections.path(), "--store", store,
                                       "--log-level", "trace", "--log-format", GetParam()});
    return Program::run(arguments);
  }
  void expect(int exit_code, const std::vector<std::string>& arguments) {
    for (const bool values : {false, true}) {
      std::vector<std::string> all = arguments;
      if (values) all.emplace_back("--show-values");
      const Program::Result result = run(all);
      EXPECT_EQ(result.exit_code, exit_code) << arguments[0] << "\n" << result.err;
      expect_harmless(result.out, "standard output of " + arguments[0] + " " + arguments[1] + ":\n");
      expect_harmless(result.err, "standard error of " + arguments[0] + " " + arguments[1] + ":\n");
    }
  }

  Database database;
  Folder projections, stores;
  std::string store;
};

TEST_P(HostileTexts, ReachNoTerminalAndNoLogAsTheyAre) {
  const std::string summary = stores.path() + "/summary.json", drift = stores.path() + "/drift.jsonl";
  const std::vector<std::string> apply{"--projection", "p", "--mode", "APPLY", "--summary", summary};
  const auto with = [](std::vector<std::string> all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect(0, {"--check", "--progress", "none"});
  expect(0, {"--init", "target"});
  expect(0, {"--projection", "p", "--mode", "DRY_RUN", "--from-event-id", "0" + hostile, "--clear", "always"});
  expect(2, apply);
  expect(2, with(apply, {"--on-error", "skip"}));
  expect_harmless(stores.read("summary.json"), "summary:\n");
  // What is kept for SQL is what it was.
  EXPECT_EQ(database.value("SELECT event_id = '2' || substr(event_type, 1) FROM rebuild_projection.rebuild_dead_letters"
                           " JOIN event_store USING (event_id)"),
            "t");
  expect(0, {"--status", "--progress", "none"});
  database.execute("UPDATE target SET v = v || 'x'; DELETE FROM event_store WHERE event_id LIKE '2%'");
  database.execute("INSERT INTO target VALUES ($e$extra" + hostile + "$e$)");
  expect(4, {"--projection", "p", "--mode", "VERIFY", "--drift-file", drift});
  expect_harmless(stores.read("drift.jsonl"), "drift file:\n");
  EXPECT_NE(stores.read("drift.jsonl").find("owned"), std::string::npos);
  expect(4, {"--projection", "p", "--explain-row", "\"stream" + hostile + "1\""});
  database.execute("ALTER TABLE target ADD CONSTRAINT strict CHECK (length(v) < 9) NOT VALID");
  expect(2, with(apply, {"--batch-size", "1"}));
  expect(1, with(apply, {"--from-event-id", "no such" + hostile}));
  expect(1, {"--projection", "no such" + hostile, "--mode", "DRY_RUN"});
  projections.write("broken.toml", "name = " + toml_text(hostile) + "\ntable = " + toml_text("t" + hostile) +
                                       "\nkey = [" + toml_text(hostile) + "]\n" + "[[on]]\n\"" + "odd key\" = 1\n");
  expect(1, {"--check", "--progress", "none"});
}

INSTANTIATE_TEST_SUITE_P(Logs, HostileTexts, testing::Values("text", "json"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace rebuild_projection::test

// Without this file the finished program could crash, keep silent, or exit 0 where its parts, tested alone, do right.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class CommandLineEndToEndTest : public testing::Test {
 protected:
  CommandLineEndToEndTest() { store.append(1, 100); }

  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
  /// Exit code 1, nothing on stdout, one sentence on stderr that says `reason`, nothing changed.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& reason) {
    const std::string before = store.everything();
    const Outcome run = store.run(arguments);
    EXPECT_EQ(run.exit_code, 1) << reason << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_TRUE(has(run.err, reason)) << "expected: " << reason << "\ngot: " << run.err;
    auto lines = lines_of(run.err);
    std::erase(lines, "See rebuild_projection --help.");
    EXPECT_EQ(lines.size(), 1U) << run.err;
    EXPECT_EQ(store.everything(), before) << reason;
  }
  /// The program's command for a shell.
  std::string command(const std::vector<std::string>& arguments) {
    std::string text = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "rebuild_projection";
    for (const std::string& argument : store.with_places(arguments)) text += " '" + argument + "'";
    return text;
  }
  static int shell(const std::string& text) {
    const int status = std::system(text.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  Recruiting store;
};

TEST_F(CommandLineEndToEndTest, HelpVersionAndListNeedNoDatabase) {
  const std::map<std::string, std::string> no_server{{"PGHOST", "/nonexistent"}};
  const auto help = Program::run({"--help"}, no_server);
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.err, "");
  for (const char* option : {"--projection", "--mode", "--from-ts", "--from-event-id", "--max-events", "Examples:"})
    EXPECT_TRUE(has(help.out, option)) << option;
  const auto version = Program::run({"--version"}, no_server);
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(version.out.starts_with("rebuild_projection ")) << version.out;
  EXPECT_EQ(lines_of(version.out).size(), 1U);
  const auto list = Program::run({"--list", "--projections", store.projections.path()}, no_server);
  EXPECT_EQ(list.exit_code, 0) << list.err;
  for (const char* name : {"counters", "event_rows", "stages"}) {
    EXPECT_TRUE(has(list.out, name)) << list.out;
    EXPECT_TRUE(has(list.out, std::string("/") + name + ".toml")) << list.out;
  }
}

TEST_F(CommandLineEndToEndTest, WrongOptionsAreRefusedWithOneSentence) {
  const struct {
    std::vector<std::string> arguments;
    const char* reason;
  } cases[] = {
      {{"--mode", "APPLY"}, "--projection is missing"},
      {{"--projection", "stages"}, "--mode is missing"},
      {{"--projection", "stages", "--mode", "REBUILD"}, "--mode must be DRY_RUN, APPLY or VERIFY"},
      {{"--projection", "stages", "--mode", "VERIFY", "--resume"}, "--resume contradicts --mode VERIFY"},
      {{"--projection", "stages", "--mode", "APPLY", "--drift-limit", "3"}, "--drift-limit is for --mode VERIFY"},
      {{"--projection", "stages", "--mode", "VERIFY", "--drift-file", "/nonexistent/x"}, "--drift-file: "},
      {{"--projection", "stages", "--explain-row", "a", "--mode", "VERIFY"}, "cannot stand together"},
      {{"--projection", "stages", "--mode", "APPLY", "--discard"}, "--discard is for --strategy shadow"},
      {{"--projection", "stages", "--mode", "APPLY", "--strategy", "best"}, "--strategy must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--resume", "--clear", "always"}, "--resume contradicts --clear"},
      {{"--projection", "stages", "--mode", "APPLY", "--payload", "half"}, "--payload must be auto, whole or slim"},
      {{"--projection", "stages", "--mode", "APPLY", "--readers", "0"}, "--readers must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--tokens", "0"}, "--tokens must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--workers", "x"}, "--workers must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--batch-size", "0"}, "--batch-size must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--max-events", "-1"}, "--max-events must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--max-memory", "1"}, "--max-memory must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--from-ts", "yesterday"}, "--from-ts must be a time in ISO 8601"},
      {{"--projection", "stages", "--mode", "APPLY", "--to-ts", "2025-02-30"}, "--to-ts must be a time in ISO 8601"},
      {{"--projection", "stages", "--mode", "APPLY", "--from-ts", "2025-02-01T00:00:00Z", "--to-ts",
        "2025-01-01T00:00:00Z"},
       "--from-ts must be before --to-ts"},
      {{"--projection", "stages", "--mode", "APPLY", "--from-event-id", ""}, "--from-event-id"},
      {{"--projection", "stages", "--mode", "APPLY", "--clear", "maybe"}, "--clear must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--truncate", "--clear", "never"}, "--truncate contradicts"},
      {{"--projection", "stages", "--mode", "APPLY", "--on-error", "ignore"}, "--on-error must be stop or skip"},
      {{"--projection", "stages", "--mode", "APPLY", "--projections", "/nonexistent"}, "/nonexistent"},
      {{"--projection", "stages", "--mode", "APPLY", "--store", "nobody"}, "there is no preset \"nobody\""},
      {{"--projection", "stages", "--mode", "APPLY", "--store", "/nonexistent.toml"},
       "cannot read the store file /nonexistent.toml"},
      {{"--projection", "stages", "--mode", "APPLY", "--meta-schema", ""}, "--meta-schema"},
      {{"--projection", "stages", "--mode", "APPLY", "--progress", "loud"}, "--progress must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--log-level", "loud"}, "--log-level must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--log-format", "xml"}, "--log-format must be"},
      {{"--projection", "stages", "--mode", "APPLY", "--summary", "/nonexistent/summary.json"}, "--summary"},
      {{"--projection", "stages", "--mode", "APPLY", "--config", "/nonexistent"}, "--config"},
      {{"--projection", "stages", "--mode", "APPLY", "--fast"}, "\"--fast\" is not an option"},
      {{"--projection", "stages", "--mode", "APPLY", "lead_summary"}, "is not expected"},
  };
  for (const auto& wrong : cases) expect_refused(wrong.arguments, wrong.reason);
}

TEST_F(CommandLineEndToEndTest, WrongSurroundingsAreRefusedWithOneSentence) {
  const std::vector<std::string> apply{"--mode", "APPLY", "--projection"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), apply.begin(), apply.end());
    return more;
  };
  expect_refused(with({"nobody"}), "nobody");
  const Outcome unknown = store.run(with({"nobody"}));
  for (const char* name : {"counters", "event_rows", "stages"})
    EXPECT_TRUE(has(unknown.err, name)) << unknown.err;  // the names there are

  expect_refused(with({"stages", "--dsn", "host=/nonexistent"}), "cannot connect to the database");
  expect_refused(with({"stages", "--dsn", "dbname=there_is_no_such_database"}), "there_is_no_such_database");
  expect_refused(with({"stages", "--dsn", "no dsn at all"}), "the connection string cannot be read");
  expect_refused(with({"stages", "--source-dsn", "host=/nonexistent"}), "cannot connect to the database");

  store.database.execute("ALTER TABLE stages RENAME COLUMN stage TO status");
  expect_refused(with({"stages"}), "stages.toml:8: ");  // where "stage" stands
  store.database.execute("DROP TABLE stages");
  expect_refused(with({"stages"}), "there is no table \"stages\"");
  store.projections.write("stages.toml", "name = \"stages\"\nname = 7\n");
  expect_refused(with({"stages"}), "stages.toml:2: ");
  store.projections.write("stages.toml",
                          "name = \"elsewhere\"\ntable = \"counters\"\nkey = [\"candidate_id\"]\n"
                          "[[on]]\nevent = \"*\"\nkey = { candidate_id = \"@stream_id\" }\n");
  store.database.execute("ALTER TABLE event_store DROP COLUMN payload");
  expect_refused(with({"event_rows"}), "the store has no column \"payload\"");
  store.database.execute("DROP TABLE event_store");
  const Outcome no_store = store.run(with({"event_rows"}));
  EXPECT_EQ(no_store.exit_code, 1);
  EXPECT_TRUE(has(no_store.err, "there is no relation \"event_store\"")) << no_store.err;
}

TEST_F(CommandLineEndToEndTest, EveryMistakeOfEveryFileIsReportedAtOnce) {
  store.projections.write("stages.toml",
                          "name = \"stages\"\ntable = \"stages\"\nkey = [\"candidate_id\"]\n[[on]]\n"
                          "event = \"*\"\nkey = { candidate_id = \"@stream_id\" }\n"
                          "set = { no_such_column = \"/a\", stage = \"no pointer\" }\n"
                          "[[on]]\nevent = \"*\"\nfrobnicate = 1\n");
  store.projections.write("counters.toml", "name = \"counters\"\n");
  const std::string before = store.everything();
  const Outcome run = store.apply("all");
  EXPECT_EQ(run.exit_code, 1);
  for (const char* part : {"stages.toml:7: ", "stages.toml:10: ", "frobnicate", "counters.toml:"})
    EXPECT_TRUE(has(run.err, part)) << part << "\n" << run.err;
  EXPECT_EQ(store.everything(), before);
}

TEST_F(CommandLineEndToEndTest, WhatDestroysComesFromTheCommandLineOnly) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"REBUILD_MODE", "APPLY"}, {"REBUILD_CLEAR", "always"}, {"REBUILD_TRUNCATE", "1"}}) {
    const std::string before = store.everything();
    Program program(store.with_places({"--projection", "stages", "--mode", "DRY_RUN"}), {{name, value}});
    const Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, 1) << name;
    EXPECT_TRUE(has(run.err, name)) << run.err;
    EXPECT_EQ(store.everything(), before);
  }
  Program program({"--mode", "DRY_RUN"}, {{"REBUILD_PROJECTION", "stages"},
                                          {"REBUILD_DSN", store.database.dsn()},
                                          {"REBUILD_PROJECTIONS_DIR", store.projections.path()},
                                          {"REBUILD_MAX_EVENTS", "7"}});
  const auto run = program.wait();
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(has(run.out, "DRY_RUN would apply 7 events")) << run.out;
}

TEST_F(CommandLineEndToEndTest, LibpqsEnvironmentNamesTheDatabase) {
  Program program({"--projection", "stages", "--mode", "APPLY", "--projections", store.projections.path()},
                  {{"PGDATABASE", store.database.name()}});
  EXPECT_EQ(program.wait().exit_code, 0);
  EXPECT_EQ(store.differing("stages"), "0");
}

TEST_F(CommandLineEndToEndTest, TheSummaryFileAgreesWithTheDatabase) {
  const Outcome run = store.apply("all", {"--batch-size", "7"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  auto count = [&](const std::string& from) {
    return std::stoull(store.database.value("SELECT count(*) FROM " + from));
  };
  EXPECT_EQ(run.summary["mode"], "APPLY");
  EXPECT_EQ(run.summary["exit_code"], 0);
  EXPECT_TRUE(run.summary["database"].get<std::string>().starts_with(store.database.name() + " on "));
  EXPECT_EQ(run.summary["events_in_range"], count("event_store"));
  EXPECT_EQ(run.summary["events_read"], count("event_store"));
  EXPECT_EQ(run.summary["batches"], std::stoull(store.checkpoint("batches", "stages")));
  EXPECT_EQ(run.summary["first_position"], nlohmann::json({"2025-01-01 00:00:00+00", event_id(1)}));
  EXPECT_EQ(run.summary["last_position"], nlohmann::json({"2025-01-01 00:00:33+00", event_id(100)}));
  EXPECT_EQ(run.summary["last_event_id"], event_id(100));
  for (const auto& [type, events] : run.summary["events_by_type"].items())
    EXPECT_EQ(events, count("event_store WHERE event_type = '" + type + "'"));
  const std::uint64_t changes = count("event_store WHERE event_type = 'stage_changed'");
  for (const char* projection : {"stages", "counters"}) {
    EXPECT_EQ(run.projection(projection)["applied"], changes);
    EXPECT_EQ(run.projection(projection)["ignored"], count("event_store") - changes);
    EXPECT_EQ(run.projection(projection)["table"], std::string("public.") + projection);
  }
  EXPECT_EQ(run.projection("event_rows")["applied"], 100);
  EXPECT_EQ(run.projection("event_rows")["rows_written"], count("event_rows"));
  EXPECT_EQ(run.summary["stages"].size(), 4U);
  // An older file is replaced, and a refused run leaves it alone.
  const std::string file = store.results.path() + "/own.json";
  ASSERT_EQ(store.apply("stages", {"--summary", file}).exit_code, 0);
  const std::string written = store.results.read("own.json");
  EXPECT_EQ(nlohmann::json::parse(written)["projections"].size(), 1U);
  ASSERT_EQ(store.apply("stages", {"--summary", file, "--from-event-id", event_id(999)}).exit_code, 1);
  EXPECT_EQ(store.results.read("own.json"), written);
}

TEST_F(CommandLineEndToEndTest, JsonLogLinesAreJson) {
  store.database.execute("UPDATE event_store SET event_type = E'with \"quotes\"\\n\\x1b[2J' WHERE event_id = '" +
                         event_id(3) + "'");
  for (const auto& more :
       std::vector<std::vector<std::string>>{{}, {"--log-level", "trace"}, {"--from-event-id", "x"}}) {
    std::vector<std::string> arguments{"--log-format", "json", "--progress", "log"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome run = store.apply("all", arguments);
    const auto lines = lines_of(run.err);
    EXPECT_FALSE(lines.empty());
    for (const std::string& line : lines) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      ASSERT_TRUE(json.is_object()) << line;
      for (const char* key : {"time", "level", "message"}) EXPECT_TRUE(json[key].is_string()) << line;
    }
    EXPECT_FALSE(has(run.out + run.err, "\x1b"));
  }
}

TEST_F(CommandLineEndToEndTest, APasswordIsPrintedNowhereAndRefusedOnTheCommandLine) {
  const std::string secret = "s3cr3t-Pa55";
  const std::string host = std::getenv("PGHOST");
  const std::string good = store.database.dsn() + " password=" + secret;
  for (const std::string& dsn :
       {good, "host=/nonexistent password=" + secret, "dbname=no_such_database sslpassword=" + secret,
        "password='" + secret + "' nonsense", "postgresql://postgres:" + secret + "@nohost.invalid/db",
        "postgresql://postgres:" + secret + "@[/" + host}) {
    for (const std::string option : {"--dsn", "--source-dsn"}) {
      const Outcome refused = store.apply("stages", {option, dsn, "--log-level", "trace", "--show-values"});
      EXPECT_EQ(refused.exit_code, 1);
      EXPECT_TRUE(has(refused.err, option + " holds a password") ||
                  has(refused.err, "the connection string cannot be read"))
          << refused.err;
      EXPECT_FALSE(has(refused.out + refused.err, secret)) << refused.err;

      const std::string variable = option == "--dsn" ? "REBUILD_DSN" : "REBUILD_SOURCE_DSN";
      std::vector<std::string> arguments =
          store.with_places({"--projection", "stages", "--mode", "APPLY", "--log-level", "trace", "--show-values"});
      if (option == "--dsn") arguments.erase(arguments.begin(), arguments.begin() + 2);
      ::setenv(variable.c_str(), dsn.c_str(), 1);
      Program program(arguments);
      const Outcome run = store.result_of(program);
      ::unsetenv(variable.c_str());
      EXPECT_EQ(run.exit_code, dsn == good ? 0 : 1) << run.err;
      EXPECT_FALSE(has(run.out + run.err + run.summary.dump(), secret)) << run.err;
    }
  }
}

TEST_F(CommandLineEndToEndTest, AStandardStreamThatTakesNothingStopsNoRebuild) {
  const std::string apply = command({"--projection", "all", "--mode", "APPLY"});
  const std::string log = store.results.path() + "/log";
  const struct {
    const char* redirection;
    int exit_code;
  } cases[] = {{">/dev/full", 2}, {">&-", 2}, {"2>&-", 0}, {"2>/dev/full", 0}, {"</dev/null | true", 0}};
  for (const auto& stream : cases) {
    store.database.execute("DELETE FROM event_rows");
    const bool piped = std::string(stream.redirection).find('|') != std::string::npos;
    const std::string quiet = std::string(stream.redirection).starts_with("2") ? " >" + log : " 2>" + log;
    EXPECT_EQ(shell(apply + (piped ? quiet + " " : " ") + stream.redirection + (piped ? "" : quiet)), stream.exit_code)
        << stream.redirection << "\n"
        << store.results.read("log");
    ASSERT_TRUE(store.wait_until_gone());
    EXPECT_EQ(store.differing("event_rows"), "0") << stream.redirection;
    EXPECT_EQ(store.checkpoint("state", "event_rows"), "complete");
  }
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a name that somebody chose to break out of a statement could do so in a mode that nobody tried it
// in.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

std::string sql_name(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

/// What a name may try, and the longest ones.
const std::vector<std::string> names{R"(x"; DROP TABLE canary; --)",
                                     "x'); DROP TABLE canary; -- \\'; $$; %s%n{0}$1:x",
                                     " line\nDROP TABLE canary;\n--/* */ ",
                                     "T\xC3\xBCr \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80",
                                     std::string(61, 'u') + "\xC3\xBC",  // 63 bytes
                                     "user"};

class HostileNames : public testing::TestWithParam<std::string> {
 protected:
  HostileNames() {
    const std::string& name = GetParam();
    const std::string table = sql_name(name) + "." + sql_name(name);
    store = name.size() > 50 ? name.substr(0, 50) : name + "2";
    database.execute("CREATE TABLE canary (alive boolean); INSERT INTO canary VALUES (true); CREATE SCHEMA " +
                     sql_name(name) + "; CREATE SCHEMA " + sql_name(store) + "; CREATE TABLE " + table + " (" +
                     sql_name(name) + " text PRIMARY KEY, " + sql_name(store) +
                     " text, n bigint NOT NULL DEFAULT 0); CREATE TABLE " + sql_name(store) + "." + sql_name(store) +
                     " (" + sql_name(name) + " bigint PRIMARY KEY, ts timestamptz, " + sql_name(store) +
                     " text, stream text, payload jsonb)");
    files.write("store.toml", "name = " + toml_text(name) + "\nfrom = " + toml_text(store + "." + store) +
                                  "\norder = [" + toml_text(name) + "]\nevent_id = " + toml_text(name) +
                                  "\nts = \"ts\"\ntype = " + toml_text(store) +
                                  "\nstream_id = \"stream\"\npayload = \"payload\"\n");
    for (int number = 1; number <= 9; ++number)
      database.execute("INSERT INTO " + sql_name(store) + "." + sql_name(store) + " VALUES (" + std::to_string(number) +
                       ", now(), $type$" + name + "$type$, $stream$" + name + std::to_string(number % 3) +
                       "$stream$, jsonb_build_object($key$" + name + "$key$, $value$" + name + std::to_string(number) +
                       "$value$))");
    projections.write("one.toml", "name = \"one\"\ntable = " + toml_text(name + "." + name) + "\nkey = [" +
                                      toml_text(name) + "]\n[[on]]\nevent = " + toml_text(name) + "\nkey = { " +
                                      toml_text(name) + " = \"@stream_id\" }\nset = { " + toml_text(store) + " = " +
                                      toml_text(pointer(name)) + " }\nadd = { n = 1 }\n");
  }
  static std::string pointer(const std::string& key) {
    std::string result = "/";
    for (const char c : key) result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return result;
  }
  void expect(int exit_code, std::vector<std::string> arguments) {
    const std::string first = arguments[0] + " " + arguments[1];
    arguments.insert(arguments.end(), {"--dsn", database.dsn(), "--projections", projections.path(), "--store",
                                       files.path() + "/store.toml", "--meta-schema", GetParam() + "m"});
    if (GetParam().size() > 60) arguments.back() = GetParam().substr(1);
    const Program::Result run = Program::run(arguments);
    EXPECT_EQ(run.exit_code, exit_code) << first << "\n" << run.err;
    EXPECT_EQ(database.value("SELECT alive FROM canary"), "t") << first;
  }
  void expect_rows(int events) {
    EXPECT_EQ(database.value("SELECT count(*) FROM " + sql_name(GetParam()) + "." + sql_name(GetParam()) +
                             " t JOIN (SELECT stream, "
                             "count(*) AS n, (array_agg(payload ->> $key$" +
                             GetParam() + "$key$ ORDER BY e." + sql_name(GetParam()) + " DESC))[1] AS last FROM " +
                             sql_name(store) + "." + sql_name(store) + " e GROUP BY stream) AS wanted ON t." +
                             sql_name(GetParam()) + " = wanted.stream AND t.n = wanted.n AND t." + sql_name(store) +
                             " = wanted.last"),
              std::to_string(events));
  }

  Database database;
  Folder files, projections;
  std::string store;  ///< the store's schema and table, and a column
};

TEST_P(HostileNames, AreNamesInEveryMode) {
  const std::vector<std::string> one{"--projection", "one"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), one.begin(), one.end());
    return more;
  };
  expect(0, {"--check", "--progress", "none"});
  expect(0, {"--init", GetParam() + "." + GetParam()});
  expect(0, with({"--mode", "DRY_RUN"}));
  expect(0, with({"--mode", "APPLY", "--batch-size", "2"}));
  expect_rows(3);
  expect(0, with({"--mode", "APPLY", "--truncate"}));
  expect_rows(3);
  expect(0, with({"--mode", "VERIFY"}));
  expect(0, with({"--explain-row", "\"" + [&] {
                    std::string doubled;
                    for (const char c : GetParam()) doubled += c == '"' ? "\"\"" : std::string(1, c);
                    return doubled;
                  }() + "1\""}));
  database.execute("UPDATE " + sql_name(GetParam()) + "." + sql_name(GetParam()) + " SET n = 7");
  expect(4, with({"--mode", "VERIFY"}));
  expect(0, with({"--mode", "APPLY", "--strategy", "shadow", "--keep-previous"}));
  expect_rows(3);
  expect(0, with({"--undo-publish", "--progress", "none"}));
  EXPECT_EQ(
      database.value("SELECT count(*) FROM " + sql_name(GetParam()) + "." + sql_name(GetParam()) + " WHERE n = 7"),
      "3");
  expect(0, with({"--mode", "APPLY", "--scope", "touched", "--from-position", "5"}));
  expect_rows(3);
  expect(0, {"--status", "--progress", "none"});
}

INSTANTIATE_TEST_SUITE_P(Names, HostileNames, testing::ValuesIn(names),
                         [](const auto& one) { return std::to_string(one.index); });

/// The server would cut them, and another table could be meant.
TEST(TooLongNames, AreRefusedAndNeverCut) {
  const std::string kept(63, 'k'), longer = kept + "x";
  Database database;
  InProcess run(database);
  database.create_event_store();
  run.options.clear = Clear::always;
  database.execute("CREATE SCHEMA " + kept + "; CREATE TABLE " + kept + "." + kept + " (" + kept +
                   " text PRIMARY KEY, n bigint);"
                   "INSERT INTO " +
                   kept + "." + kept + " VALUES ('mine', 1); CREATE TABLE short (id text PRIMARY KEY, n bigint)");
  database.append(1, 1, "seen", "a", "{}");
  const auto file = [&](const std::string& table, const std::string& key, const std::string& column) {
    run.write_projection("p", "table = \"" + table + "\"\nkey = [\"" + key + "\"]\n[[on]]\nevent = \"*\"\nkey = { " +
                                  key + " = \"@stream_id\" }\nadd = { " + column + " = 1 }\n");
    return run.refusal();
  };
  EXPECT_NE(file(kept + "." + longer, kept, "n").find("there is no table"), std::string::npos) << run.refusal();
  EXPECT_NE(file(longer + "." + kept, kept, "n").find("there is no table"), std::string::npos);
  EXPECT_NE(file(kept + "." + kept, longer, "n").find("has no column"), std::string::npos);
  EXPECT_NE(file(kept + "." + kept, kept, longer).find("has no column"), std::string::npos);
  EXPECT_EQ(database.rows("SELECT * FROM " + kept + "." + kept), std::vector<std::string>{"mine|1"});
  EXPECT_EQ(file(kept + "." + kept, kept, "n"), "");
  run.options.meta_schema = longer;
  EXPECT_NE(run.refusal().find("a name of 64 bytes"), std::string::npos);
  run.options.meta_schema = kept;
  EXPECT_EQ(run.refusal(), "");
  run.write_store({{"from", toml_text(longer)}});
  EXPECT_NE(run.refusal().find("there is no relation"), std::string::npos);
  database.execute("ALTER TABLE event_store RENAME COLUMN payload TO " + kept);
  run.write_store({{"payload", toml_text(longer)}});
  EXPECT_NE(run.refusal().find("the store has no column \"" + longer), std::string::npos);
}

}  // namespace
}  // namespace rebuild_projection::test

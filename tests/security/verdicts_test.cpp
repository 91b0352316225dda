// Without this file an odd payload could be an error or not, or give one value or another, by the way it happened to be
// read: whole or in members, beside which projections, in batches of which size.
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <optional>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

/// Payloads as their bytes; a store takes those that its type lets in.
const std::vector<std::string> odd_payloads{
    // valid, of every shape
    "null", "true", "7", "\"text\"", "[]", "{}", "[1, {\"v\": 2}]", " \t\r\n{\"v\": 1}\n", R"({"v": {"v": [1, 2]}})",
    R"({"v": [{"v": 1}, [], {}]})",
    // numbers
    R"({"v": 9223372036854775808})", R"({"v": -0})", R"({"v": 12345678901234567890123456789})", R"({"v": 1E400})",
    R"({"v": 1e-400})", R"({"v": 1.10})", R"({"v": 1.0E+2})", R"({"v": 01})", R"({"v": 1.})", R"({"v": .5})",
    R"({"v": +1})", R"({"v": -})", R"({"v": 0x1})", R"({"v": NaN})", R"({"w": 01, "v": 1})", R"({"v": 1, "w": 1e})",
    // equal keys
    R"({"v": 1, "v": 2})", R"({"v": 1, "\u0076": 2})", R"({"v": {"v": 1}, "v": 3})", R"({"k": 1, "k": 2, "v": 5})",
    // texts
    R"({"v": "a\u0000b"})", R"({"w": "a\u0000b", "v": 1})", R"({"a\u0000b": 1, "v": 1})", R"({"v": "\ud800"})",
    R"({"v": "\udc00\ud800"})", R"({"v": "\ud83d\ude00"})", R"({"w": "\ud800", "v": 1})", R"({"\ud800": 2, "v": 1})",
    R"({"v": "\x"})", R"({"w": "\x", "v": 1})", R"({"v": "\u12"})", "{\"v\": \"a\tb\"}", "{\"w\": \"a\nb\", \"v\": 1}",
    "{\"v\": \"\xC3\xBC\x7F\"}",
    // no UTF-8
    "{\"v\": \"\xFF\"}", "{\"w\": \"\xC0\x80\", \"v\": 1}", "{\"\xED\xA0\x80\": 2, \"v\": 1}", "\xEF\xBB\xBF{\"v\": 1}",
    "{\"v\": \"\xF4\x90\x80\x80\"}",
    // no JSON
    "", " ", "{", "}", "[", "{\"v\": 1", "{\"v\": 1}}", "{\"v\": 1} 2", "{\"v\": 1,}", "[1,]", "{\"v\" 1}", "{v: 1}",
    "{'v': 1}", "{\"v\": tru}", "{\"v\": 1, \"w\": [1, {]}", "nul", "\"open", "{\"v\": 1 /* no */}",
    R"({"v": 1, "k": "x", "w": })", R"({"k": "x", "v": 1)",
    // deep
    repeated("[", 6000) + repeated("]", 6000), "{\"w\": " + repeated("[", 6000) + repeated("]", 6000) + ", \"v\": 1}",
    "{\"v\": " + repeated("{\"v\": ", 5000) + "1" + repeated("}", 5000) + "}",
    "{\"v\": 1, \"w\": " + repeated("[", 6000) + repeated("]", 5999) + "}"};

/// The projections, by what they read of a payload: everything after the key.
const std::vector<std::pair<std::string, std::string>> projections{
    {"nothing", "set = { seen = true }\n"},
    {"value", "set = { v = \"/v\" }\n"},
    {"whole", "set = { v = \"/v\", doc = \"@payload\" }\n"},
    {"inside", "set = { v = \"/v/v\" }\n"},
    {"skipped", "when = { \"/k\" = \"x\" }\nset = { v = \"/v\" }\n"},
    {"there", "when = { \"/v\" = { exists = true } }\nset = { seen = true }\n"},
    {"element", "for_each = \"/v/*\"\nset = { v = \".\", seen = true }\n"},
    {"members", "for_each = \"/*\"\nset = { seen = true }\n"},
};

/// What became of each event, for one projection: "1: v|…" or "1: error".
using Verdicts = std::map<std::string, Lines>;

class VerdictsTest : public testing::TestWithParam<std::string> {
 protected:
  VerdictsTest() : database(ascii() ? "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'" : ""), run(database) {
    const std::string type = ascii() ? GetParam().substr(6) : GetParam();
    database.execute(
        "CREATE TABLE event_store (event_id integer PRIMARY KEY, ts timestamptz NOT NULL DEFAULT '2025-01-01Z',"
        " event_type text NOT NULL DEFAULT 'happened', aggregate_id text, payload " +
        type + ")");
    run.write_store({{"order", "[\"event_id\"]"}});
    run.options.on_error = OnError::skip;
    for (const std::string& payload : odd_payloads) append(payload, type);
    for (const auto& [name, rule] : projections) {
      database.execute("CREATE TABLE \"" + name + "\" (id text PRIMARY KEY, v text, doc text, seen boolean)");
      run.write_projection(name, "table = \"" + name +
                                     "\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                                     "key = { id = \"@event_id\" }\n" +
                                     rule);
    }
  }
  [[nodiscard]] static bool ascii() { return GetParam().starts_with("ascii_"); }

  /// Those that the type refuses are no events.
  void append(const std::string& payload, const std::string& type) {
    std::string hex;
    for (const unsigned char byte : payload) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", byte);
      hex += digits;
    }
    const std::string bytes = "'\\x" + hex + "'::bytea";
    const std::string value =
        type == "bytea" ? bytes : "convert_from(" + bytes + ", current_setting('server_encoding'))::" + type;
    try {
      database.execute("INSERT INTO event_store (event_id, payload) VALUES (" + std::to_string(++number_) + ", " +
                       value + ")");
    } catch (const std::exception&) {
    }
  }

  Verdicts verdicts(const Lines& names) {
    run.options.projections = names;
    const Report report = run.apply();
    EXPECT_EQ(report.ending, Ending::complete) << report.ending_detail;
    Verdicts all;
    for (const std::string& name : names)
      all[name] = database.rows(
          "SELECT id, coalesce(v, 'NULL'), md5(doc), seen FROM \"" + name +
          "\" UNION ALL SELECT event_id, 'error', error, NULL FROM rebuild_projection.rebuild_dead_letters"
          " WHERE projection_name = '" +
          name + "' ORDER BY 1, 2");
    return all;
  }

  Database database;
  InProcess run;

 private:
  int number_ = 0;
};

TEST_P(VerdictsTest, AreTheSameWhicheverWayAPayloadIsRead) {
  EXPECT_GT(std::stoi(database.value("SELECT count(*) FROM event_store")), 20);
  // A member's name that cannot be read, under a wildcard, is an error for every projection of the event: "members",
  // which has one, is never beside others.
  Lines names;
  for (const auto& [name, rule] : projections)
    if (name != "members") names.push_back(name);
  const Verdicts together = verdicts(names);
  Verdicts first = together;
  first.merge(verdicts({"members"}));
  std::vector<Payload> ways{Payload::whole};
  if (GetParam() == "jsonb") ways.push_back(Payload::slim);
  for (const Payload way : ways) {
    run.options.payload = way;
    run.options.batch_events = 1;
    EXPECT_EQ(verdicts(names), together);
    run.options.batch_events = 1000;
    for (const auto& [name, rule] : projections) EXPECT_EQ(verdicts({name}), (Verdicts{{name, first.at(name)}}));
  }
  run.options.on_error = OnError::stop;
  for (const auto& [name, rule] : projections) {
    run.options.projections = {name};
    const Report report = run.apply();
    std::optional<int> failing;
    for (const std::string& line : first.at(name))
      if (line.find("|error|") != std::string::npos) failing = std::min(failing.value_or(INT_MAX), std::stoi(line));
    const std::string named = failing ? "event " + std::to_string(*failing) + " " : "";
    EXPECT_EQ(report.exit_code(), failing ? 2 : 0) << report.ending_detail;
    EXPECT_NE(report.ending_detail.find(named), std::string::npos) << report.ending_detail;
  }
}

/// Whoever handles an event of a text store has the same verdict on whether it is JSON, and that is PostgreSQL's.
TEST_P(VerdictsTest, OfWhatIsJsonAreTheDatabases) {
  if (ascii()) GTEST_SKIP() << "a database without an encoding takes any byte for a character";
  const Verdicts all = verdicts({"nothing", "value", "skipped"});
  database.execute(
      "CREATE FUNCTION is_json(text) RETURNS boolean LANGUAGE plpgsql AS"
      " 'BEGIN PERFORM $1::json; RETURN true; EXCEPTION WHEN OTHERS THEN RETURN false; END';"
      "CREATE FUNCTION is_json(bytea) RETURNS boolean LANGUAGE plpgsql AS"
      " 'BEGIN PERFORM convert_from($1, ''UTF8'')::json; RETURN true; EXCEPTION WHEN OTHERS THEN RETURN false; END'");
  const bool text = GetParam() == "text" || GetParam() == "bytea";
  const Lines malformed =
      text ? database.rows("SELECT event_id::text FROM event_store WHERE NOT is_json(payload) ORDER BY 1") : Lines{};
  for (const char* name : {"nothing", "skipped"}) {
    Lines errors;
    for (const std::string& line : all.at(name))
      if (line.find("|error|") != std::string::npos) errors.push_back(line.substr(0, line.find('|')));
    EXPECT_EQ(errors, malformed) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Payload, VerdictsTest,
                         testing::Values("jsonb", "json", "text", "bytea", "ascii_jsonb", "ascii_text"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a payload's value could reach its column as something else than PostgreSQL itself would make of it:
// a double's digits, a cut text, an escape too many, an array taken apart.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"

namespace rebuild_projection::test {
namespace {

const std::vector<std::string> json_values{
    // numbers
    "0", "-0", "-0.0", "1", "1.10", "2.0", "1.4", "1e2", "5e-1", "0.1", "1.005", "-1.005", "123456.785", "99999999.995",
    "32767", "32768", "-32769", "2147483647", "2147483648", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "12345678901234567890123456789",
    "0.12345678901234567890123456789", "3.4e38", "1e39", "1E400", "1e-400", "55", "44.999",
    // texts
    R"("")", R"(" ")", R"("NULL")", R"("null")", R"("a")", R"("abcde")", R"("abcdef")", R"("abcde  ")", R"("it's")",
    R"("\"quoted\" \\ back\/slash")", R"("tab\tline\nreturn\r")", R"("{a,b}")", R"("{\"a b\",NULL,\"NULL\"}")",
    R"("{1,2}")", R"("{unclosed")", R"("\\x6869")", R"("\\.")", R"("\\N")", R"("Gr\u00fc\u00dfe \ud83d\ude00")",
    R"("ä日本")", R"("\u0001\u007f")", R"("--; DROP TABLE x")", R"("$1")", R"("%s")",
    // texts that are something
    R"("true")", R"("f")", R"("yes")", R"("12")", R"(" 12 ")", R"("1.5")", R"("1_000")", R"("NaN")", R"("Infinity")",
    R"("-inf")", R"("550e8400-e29b-41d4-a716-446655440000")", R"("{550E8400E29B41D4A716446655440000}")",
    R"("2025-02-01")", R"("2025-02-01T10:20:30.123456+02:00")", R"("2025-02-01 10:20:30")", R"("2024-02-29 23:59:60")",
    R"("2025-02-30")", R"("infinity")", R"("0044-03-15 BC")", R"("epoch")", R"("10:20:30.5")", R"("1 day 02:03:04")",
    R"("P1Y2M3DT4H")", R"("192.168.0.1/24")", R"("::1")", R"("happy")", R"("HAPPY")", R"("101")", R"~("[1,5)")~",
    R"~("(1,2)")~", R"("{\"a\": [1, 2.0]}")", R"("[1, 2")",
    // the rest
    "true", "false", "null", R"({"b": 1.10, "a": [null, true, "x\"y"], "ü": {}})", "[]", R"([1, "x", null])", "{}",
    R"([[1],[2]])"};

/// What happens to the column "v", and whether another rule makes its values travel as numbers.
struct Use {
  std::string type;
  std::string operation = "set";
  std::string beside = "";  ///< an operation that another rule applies to the column
};
const std::vector<Use> uses{{"text"},
                            {"varchar(5)"},
                            {"char(3)"},
                            {"numeric"},
                            {"numeric(10,2)"},
                            {"numeric(3,-1)"},
                            {"integer"},
                            {"bigint"},
                            {"smallint"},
                            {"float8"},
                            {"real"},
                            {"boolean"},
                            {"uuid"},
                            {"date"},
                            {"timestamptz"},
                            {"timestamp(0)"},
                            {"time"},
                            {"interval"},
                            {"jsonb"},
                            {"json"},
                            {"text[]"},
                            {"integer[]"},
                            {"mood"},
                            {"mood[]"},
                            {"positive"},
                            {"short"},
                            {"money_domain"},
                            {"bytea"},
                            {"inet"},
                            {"bit(3)"},
                            {"varbit"},
                            {"int4range"},
                            {"point"},
                            {"text", "init"},
                            {"integer", "init"},
                            {"jsonb", "init"},
                            {"integer", "set", "add"},
                            {"numeric", "set", "add"},
                            {"numeric(10,2)", "set", "max"},
                            {"float8", "init", "min"},
                            {"positive", "set", "min"},
                            {"integer", "add"},
                            {"bigint", "add"},
                            {"numeric", "add"},
                            {"numeric(10,2)", "add"},
                            {"money_domain", "add"},
                            {"smallint", "min"},
                            {"float8", "min"},
                            {"real", "max"},
                            {"numeric", "max"},
                            {"numeric(3,-1)", "max"},
                            {"text[]", "append"},
                            {"integer[]", "append"},
                            {"numeric[]", "append"},
                            {"mood[]", "append"},
                            {"boolean[]", "append"},
                            {"jsonb[]", "append"},
                            {"bytea[]", "append"}};

std::string name_of_use(std::size_t use) {
  return std::to_string(use) + "_" + uses[use].operation;
}

/// A store's payload column: its type, how a JSON text gets into it, and how it is read as JSON.
struct PayloadKind {
  std::string type, write, read;
  friend void PrintTo(const PayloadKind& kind, std::ostream* out) { *out << kind.type; }
};
const std::vector<PayloadKind> payload_kinds{{"jsonb", "(%)::jsonb", "payload"},
                                             {"json", "(%)::json", "payload"},
                                             {"text", "(%)", "payload::json"},
                                             {"bytea", "convert_to(%, 'UTF8')", "convert_from(payload, 'UTF8')::json"}};

class Values : public testing::TestWithParam<PayloadKind> {
 protected:
  Values() : run(database) {
    database.execute(
        "CREATE TYPE mood AS ENUM ('happy', 'a', ''); CREATE DOMAIN positive AS numeric CHECK (VALUE >= 1.005);"
        "CREATE DOMAIN short AS text CHECK (length(VALUE) < 5); CREATE DOMAIN money_domain AS numeric(10,2) DEFAULT "
        "NULL;"
        "CREATE TABLE event_store (event_id integer PRIMARY KEY, ts timestamptz NOT NULL DEFAULT '2025-01-01Z',"
        " event_type text NOT NULL DEFAULT 'happened', aggregate_id text NOT NULL, payload " +
        GetParam().type + "); CREATE TABLE refused (use text, event_id text)");
    for (std::size_t number = 0; number <= json_values.size(); ++number)
      add_event(number,
                number < json_values.size() ? "{ \"v\" : " + json_values[number] + " , \"w\":1 }" : "{\"w\":1}");
  }

  void add_event(std::size_t number, const std::string& payload) {
    std::string written = GetParam().write;
    written.replace(written.find('%'), 1, "$json$" + payload + "$json$");
    database.execute("INSERT INTO event_store (event_id, aggregate_id, payload) VALUES (" + std::to_string(number) +
                     ", '" + std::to_string(number) + "', " + written + ")");
  }

  void add_use(std::size_t use) {
    const auto& [type, operation, beside] = uses[use];
    const std::string name = name_of_use(use);
    for (const char* table : {"seen_", "expected_"})
      database.execute("CREATE TABLE \"" + (table + name) + "\" (id integer PRIMARY KEY, v " + type + ")");
    std::string toml = "table = \"seen_" + name +
                       "\"\nkey = [\"id\"]\n[[on]]\nevent = \"happened\"\n"
                       "key = { id = \"@stream_id\" }\n" +
                       operation + " = { v = \"/v\" }\n";
    if (!beside.empty())
      toml += "[[on]]\nevent = \"never\"\nkey = { id = \"@stream_id\" }\n" + beside + " = { v = \"/v\" }\n";
    run.write_projection(name, toml);
  }

  /// One INSERT of a literal per event; what it refuses goes to the table "refused".
  std::string oracle(std::size_t use) const {
    const auto& [type, operation, beside] = uses[use];
    const std::string name = name_of_use(use);
    const bool whole = type == "integer" || type == "bigint" || type == "smallint";
    const bool numbers = !beside.empty() || operation == "add" || operation == "min" || operation == "max";
    const std::string null_value = operation == "add" ? "text := '0';" : "";
    return "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; DO $oracle$ DECLARE e record; text text; "
           "BEGIN"
           " FOR e IN SELECT event_id, payload IS NULL OR ((" +
           GetParam().read +
           ") #> '{v}') IS NULL AS missing,"
           "  json_typeof(((" +
           GetParam().read +
           ") #> '{v}')::json) AS kind,"
           "  (" +
           GetParam().read + ") #>> '{v}' AS text FROM event_store LOOP BEGIN text := e.text;" +
           (whole ? "IF e.kind = 'number' AND text::numeric % 1 = 0 THEN text := trunc(text::numeric)::text; END IF;"
                  : "") +
           // A column that counts, or keeps a least or greatest value, takes finite decimals only, without the
           // underscores of PostgreSQL 16, which know no negative zero.
           (numbers ? "IF e.kind NOT IN ('number', 'string', 'null') OR position('_' in text) > 0 OR text::numeric IN "
                      "('NaN', 'Infinity', '-Infinity')"
                      " THEN RAISE EXCEPTION 'no number'; END IF; text := text::numeric::text;"
                    : "") +
           // What names an offset is a moment, and UTC in a type without zone; PostgreSQL alone would drop the offset.
           (type == "date" || type == "timestamp(0)" || type == "time"
                ? "IF text ~ ':.*[+-][0-9]' THEN text := text::timestamptz AT TIME ZONE 'UTC'; END IF;"
                : "") +
           "IF text IS NULL THEN " + null_value + " END IF;" +
           (operation == "append"
                ? "IF e.missing THEN INSERT INTO \"expected_" + name +
                      "\" VALUES (e.event_id, NULL); ELSE EXECUTE "
                      "format('INSERT INTO \"expected_" +
                      name + "\" VALUES (%L, ARRAY[%L]::" + type + ")', e.event_id, text); END IF;"
                : "EXECUTE format('INSERT INTO \"expected_" + name + "\" VALUES (%L, %L)', e.event_id, text);") +
           "EXCEPTION WHEN OTHERS THEN INSERT INTO refused VALUES ('" + name +
           "', e.event_id); END; END LOOP; END $oracle$";
  }

  void expect_equal(std::size_t use) {
    const std::string name = name_of_use(use);
    SCOPED_TRACE(uses[use].type + " under " + uses[use].operation);
    const std::string select =
        "SELECT coalesce(s.id, x.id), s.id IS NOT NULL, s.v, x.id IS NOT NULL, x.v FROM \"seen_" + name +
        "\" s FULL JOIN \"expected_" + name +
        "\" x USING (id)"
        " WHERE (s.id IS NULL) <> (x.id IS NULL) OR s.v::text IS DISTINCT FROM x.v::text";
    for (const std::string& row : database.rows(select)) {
      const std::size_t number = std::stoul(row);
      ADD_FAILURE() << (number < json_values.size() ? json_values[number] : "a missing value")
                    << ": event|present|value|should be present|should be value " << row;
    }
    EXPECT_EQ(run.dead_letters(name),
              database.rows("SELECT event_id FROM refused WHERE use = '" + name + "' ORDER BY 1"));
  }

  Database database;
  InProcess run;
};

TEST_P(Values, ReachTheirColumnsAsTheyWouldByAnInsert) {
  for (std::size_t use = 0; use < uses.size(); ++use) {
    add_use(use);
    database.execute(oracle(use));
  }
  run.options.on_error = OnError::skip;
  for (const std::uint64_t batch_events : {1000U, 7U}) {
    run.options.batch_events = batch_events;
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 2);
    EXPECT_EQ(report.ending, Ending::complete) << report.ending_detail;
    for (std::size_t use = 0; use < uses.size(); ++use) expect_equal(use);
    if (HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Payload, Values, testing::ValuesIn(payload_kinds),
                         [](const auto& one) { return one.param.type; });

}  // namespace
}  // namespace rebuild_projection::test

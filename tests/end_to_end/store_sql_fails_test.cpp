// Without this file one event on which the SQL of a store file fails (a cast, a function that raises) could end every
// run without a name, take its neighbours with it, or have the server print its value into a log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "stages/explain.h"
#include "tests/support/in_process.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Lines = std::vector<std::string>;

constexpr const char* from =
    "\"(SELECT pos, id::uuid AS event_id, at::timestamptz AS ts, kind::public.kind AS event_type,"
    " (stream::integer)::text AS aggregate_id, doc::jsonb AS payload FROM public.raw)\"";

/// A column of the events' table, and the one that the store makes of it by a cast.
struct Failing {
  friend void PrintTo(const Failing& one, std::ostream* out) {
    *out << one.column << (one.indexed ? "" : "_unindexed");
  }
  std::string column, of_store;
  bool indexed = true;
};

class StoreSqlFails : public testing::TestWithParam<Failing> {
 protected:
  StoreSqlFails() : run(database) {
    database.execute(
        "CREATE TYPE kind AS ENUM ('put', 'other');"
        "CREATE TABLE raw (pos integer " +
        std::string(GetParam().indexed ? "PRIMARY KEY" : "") +
        ", id text, at text, kind text, stream text, doc text);"
        "INSERT INTO raw SELECT n, lpad(to_hex(n), 32, '0')::uuid::text, '2025-01-01Z', CASE WHEN n % 4 = 0 THEN "
        "'other'"
        " ELSE 'put' END, n % 7, jsonb_build_object('n', n)::text FROM generate_series(1, 700) n;"
        "CREATE TABLE target (id text PRIMARY KEY, n integer, last integer)");
    // First, last, neighbours, and one that no rule handles, unless nobody can know.
    database.execute("UPDATE raw SET " + GetParam().column + " = 'secret' WHERE pos IN (1, 50, 51, 600, 699, 700)");
    run.write_store({{"from", from}, {"order", "[\"pos\"]"}});
    run.write_projection("target",
                         "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"put\"\nkey = { id = \"@stream_id\" }\n"
                         "set = { last = \"/n\" }\nadd = { n = 1 }\n");
    run.options.batch_events = 40;
  }

  /// 600 and 700 are of another type.
  [[nodiscard]] std::string left_out() const {
    return GetParam().column == "kind" ? "1, 50, 51, 600, 699, 700" : "1, 50, 51, 699";
  }
  void expect_rows(const std::string& condition = "true") {
    const std::string events = " FROM raw WHERE kind = 'put' AND pos NOT IN (" + left_out() + ") AND " + condition;
    EXPECT_EQ(database.rows("SELECT id, n, last FROM target ORDER BY id"),
              database.rows("SELECT stream, count(*), max(pos)" + events + " GROUP BY stream ORDER BY stream"));
  }
  /// Every event is accounted for, and nobody said a value.
  void expect_sound(const Report& report) {
    const Report::Projection& one = report.projections.at(0);
    EXPECT_EQ(report.events_read, one.applied + one.ignored + one.skipped + one.errors + one.rolled_back);
    EXPECT_THAT(report.ending_detail, Not(HasSubstr("secret")));
    for (const std::string& warning : report.warnings) EXPECT_THAT(warning, Not(HasSubstr("secret")));
  }

  Database database;
  InProcess run;
};

INSTANTIATE_TEST_SUITE_P(Columns, StoreSqlFails,
                         testing::Values(Failing{"doc", "payload"}, Failing{"stream", "aggregate_id"},
                                         Failing{"at", "ts"}, Failing{"kind", "event_type"}, Failing{"id", "event_id"},
                                         Failing{"doc", "payload", false}, Failing{"kind", "event_type", false}),
                         [](const auto& one) { return testing::PrintToString(one.param); });

TEST_P(StoreSqlFails, OnAnEventThatIsNamed) {
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 2);
  expect_sound(report);
  EXPECT_THAT(
      report.ending_detail,
      AllOf(HasSubstr("projection target, event " + (GetParam().column == "id" ? "1" : event_id(1)) + " at 1: "),
            HasSubstr("the store's own SQL fails on its column \"" + GetParam().of_store + "\": invalid "),
            HasSubstr("(SQLSTATE 22")));
  run.options.show_values = true;
  // Of a document that is none the server says what, in its message, and quotes it elsewhere.
  const std::string said = GetParam().column == "doc" ? "invalid input syntax for type json" : "secret";
  EXPECT_THAT(run.apply().ending_detail, HasSubstr(said));
  run.options.show_values = false;

  database.execute("DELETE FROM raw WHERE pos = 1");
  const Report later = run.apply();
  expect_sound(later);
  EXPECT_THAT(later.ending_detail, HasSubstr(" at 50: "));
  EXPECT_EQ(later.last_position, Position{"41"});
  expect_rows("pos BETWEEN 2 AND 41");
}

TEST_P(StoreSqlFails, OnEventsThatCanBeLeftOut) {
  run.options.on_error = OnError::skip;
  for (const bool in_shadow : {false, true}) {
    run.options.strategy = in_shadow ? Strategy::shadow : Strategy::in_place;
    const Report report = run.apply();
    EXPECT_EQ(report.ending, Ending::complete) << report.ending_detail;
    EXPECT_EQ(report.exit_code(), 2);
    EXPECT_EQ(report.events_read, 700U);
    expect_sound(report);
    expect_rows();
    EXPECT_EQ(
        database.rows("SELECT position[1] FROM rebuild_projection.rebuild_dead_letters ORDER BY position[1]::integer"),
        database.rows("SELECT pos FROM raw WHERE pos IN (" + left_out() + ") ORDER BY pos"));
    EXPECT_EQ(
        database.value("SELECT count(*) FROM rebuild_projection.rebuild_dead_letters WHERE error LIKE '%secret%' OR"
                       " error NOT LIKE '%fails on its column \"" +
                       GetParam().of_store + "\"%'"),
        "0");
  }
  run.options.strategy = Strategy::in_place;
  run.options.max_events = 50;  // the checkpoint is at an event that cannot be read
  EXPECT_EQ(run.apply().events_read, 50U);
  run.options.max_events = 0;
  run.options.resume = true;
  EXPECT_EQ(run.apply().events_read, 650U);
  expect_rows();
  run.options.resume = false;
  run.options.mode = Mode::dry_run;
  const Report dry = run.apply();
  EXPECT_EQ(std::to_string(dry.skipped()),
            database.value("SELECT count(*) FROM raw WHERE pos IN (" + left_out() + ")"));
  run.options.mode = Mode::verify;
  const Report verified = run.apply();
  EXPECT_EQ(verified.ending, Ending::complete) << verified.ending_detail;
  EXPECT_EQ(verified.drifted(), 0U);
}

/// What is read of a few streams or types alone fails on events of others, in the condition that asks for these.
TEST_P(StoreSqlFails, WhereAFewRowsAreAskedFor) {
  // The streams of the last events are few.
  database.execute("UPDATE raw SET stream = n FROM generate_series(1, 700) n WHERE pos = n AND stream <> 'secret'");
  run.options.on_error = OnError::skip;
  run.apply();
  expect_rows();
  database.execute("UPDATE target SET n = 7 WHERE id = '698'");
  const std::vector<RowKeyPart> key{{std::nullopt, "698"}};
  for (const OnError on_error : {OnError::stop, OnError::skip}) {
    run.options.on_error = on_error;
    const Report explained = explain_row(run.options, ProjectorRegistry(), key, {});
    expect_sound(explained);
    EXPECT_THAT(explained.exit_code(), testing::AnyOf(2, 4)) << explained.ending_detail;
    EXPECT_THAT(explained.ending_detail, testing::AnyOf("", HasSubstr("the store's own SQL fails on its column")));
  }
  run.options.scope = Scope::touched;
  run.options.from_position = {"696"};
  const Report touched = run.apply();
  expect_sound(touched);
  EXPECT_EQ(touched.ending, Ending::complete) << touched.ending_detail;
  expect_rows();
}

/// What the server says reaches no log, wherever the user's SQL says it and whatever it calls itself.
class ServersWords : public testing::TestWithParam<const char*> {
 protected:
  ServersWords() {
    store.append(1, 20);
    store.database.execute(std::string("CREATE FUNCTION talk(value text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ "
                                       "BEGIN RAISE INFO 'hush %', value; ") +
                           GetParam() + " RETURN value; END $$");
  }
  std::string store_file(const std::string& payload, const std::string& more) {
    return store.results.write("talking.toml",
                               "from = \"\"\"(SELECT event_id, ts, event_type, aggregate_id, " + payload +
                                   " AS payload FROM public.event_store)\"\"\"\norder = [\"ts\", \"event_id\"]\n"
                                   "event_id = \"event_id\"\nts = \"ts\"\ntype = \"event_type\"\n"
                                   "stream_id = \"aggregate_id\"\npayload = \"payload\"\n" +
                                   more);
  }
  void expect_silence(const std::vector<std::string>& arguments) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Outcome run = store.run(arguments);
    EXPECT_THAT(run.out + run.err + run.summary.dump(), Not(HasSubstr("hush")));
    EXPECT_THAT(run.exit_code, testing::AnyOf(0, 1, 2, 4));
  }
  Recruiting store;
};

INSTANTIATE_TEST_SUITE_P(Raised, ServersWords,
                         testing::Values("", "RAISE 'hush %', value;",
                                         "RAISE 'hush %', value USING ERRCODE = 'check_violation';",
                                         "RAISE 'hush %', value USING ERRCODE = 'U7777';",
                                         "PERFORM ('hush' || value)::integer;"));

TEST_P(ServersWords, AreHeldBack) {
  const std::string in_payload = store_file("to_jsonb(public.talk(payload::text)::jsonb)", "");
  for (const char* mode : {"DRY_RUN", "APPLY", "VERIFY"})
    expect_silence({"--projection", "all", "--mode", mode, "--store", in_payload});
  expect_silence({"--projection", "all", "--mode", "APPLY", "--strategy", "shadow", "--store", in_payload});
  expect_silence({"--projection", "stages", "--explain-row", "1", "--store", in_payload});
  expect_silence({"--init", "stages", "--store", in_payload});
  const std::string in_horizon = store_file("payload", "horizon = \"public.talk(event_type) <> ''\"\n");
  expect_silence({"--projection", "all", "--mode", "APPLY", "--store", in_horizon});
  expect_silence({"--status", "--store", in_horizon});
  expect_silence({"--projection", "all", "--mode", "VERIFY", "--live-position",
                  "SELECT ts, public.talk(event_id::text) FROM public.event_store ORDER BY ts LIMIT 1"});
}

}  // namespace
}  // namespace rebuild_projection::test

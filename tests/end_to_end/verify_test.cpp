// Without this file VERIFY could call a wrong table right, a right one wrong, or change what it looks at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/live_store.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class VerifyTest : public testing::Test {
 protected:
  Outcome verify(const std::string& projection, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--projection", projection, "--mode", "VERIFY"});
    return store.run(more);
  }
  std::vector<nlohmann::json> drift_file() {
    std::vector<nlohmann::json> lines;
    std::istringstream text(store.results.read("drift.jsonl"));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  std::string digest(const Outcome& outcome, const std::string& projection) {
    return outcome.projection(projection)["comparison"]["digest"];
  }

  Recruiting store;
};

TEST_F(VerifyTest, IsContentAfterApplyAndWritesNothing) {
  store.append(1, 5'000);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  ASSERT_TRUE(store.wait_until_gone());
  const std::string before = store.everything();
  const Outcome run = verify("all", {"--drift-file", store.results.path() + "/drift.jsonl"});
  EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.everything(), before);
  EXPECT_EQ(store.database.value("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), "0");
  EXPECT_THAT(run.out, HasSubstr("verdict      equal: every row is as the events say\n"));
  EXPECT_EQ(run.summary["exit_code"], 0);
  for (const char* projection : {"event_rows", "stages", "counters"}) {
    const nlohmann::json found = run.projection(projection)["comparison"];
    const std::string rows = store.database.value("SELECT count(*) FROM " + std::string(projection));
    for (const char* number : {"expected_rows", "live_rows", "equal"})
      EXPECT_EQ(std::to_string(found[number].get<int>()), rows) << projection << " " << number;
    EXPECT_EQ(found["digest"], found["live_digest"]);
  }
  EXPECT_TRUE(drift_file().empty());
}

TEST_F(VerifyTest, NeedsNoSchemaOfItsOwnAndNoRowsOfTheTable) {
  store.append(1, 100);
  const std::string before = store.everything();
  const Outcome run = verify("all");
  EXPECT_EQ(run.exit_code, 4) << run.err;
  EXPECT_EQ(run.projection("event_rows")["comparison"]["missing"], 100);
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.everything(), before);
  EXPECT_EQ(store.database.value("SELECT to_regnamespace('rebuild_projection')"), "NULL");
}

TEST_F(VerifyTest, AStoreWithoutEvents) {
  EXPECT_EQ(verify("all").exit_code, 0);
  store.database.execute("INSERT INTO counters VALUES ('left over')");
  const Outcome run = verify("all");
  EXPECT_EQ(run.exit_code, 4) << run.err;
  EXPECT_EQ(run.projection("counters")["comparison"]["extra"], 1);
}

TEST_F(VerifyTest, FindsEachOfAThousandPlantedDifferencesAndNothingElse) {
  store.append(1, 6'000);
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);
  store.database.execute(
      "ALTER TABLE event_rows ADD amount numeric; ALTER TABLE event_rows ADD note text;"
      "UPDATE event_store SET payload = payload || jsonb_build_object('amount', (payload->>'n')::numeric / 4,"
      " 'note', CASE WHEN (payload->>'n')::integer % 2 = 0 THEN '' END)");
  store.projections.write("event_rows.toml",
                          "name = \"event_rows\"\ntable = \"event_rows\"\nkey = [\"event_id\"]\n[[on]]\nevent = \"*\"\n"
                          "key = { event_id = \"@event_id\" }\n"
                          "set = { n = \"/n\", at = \"@ts\", amount = \"/amount\", note = \"/note\" }\n");
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);

  // What is planted, by number of the event: 250 of each kind, and 250 that are none.
  store.database.execute(
      "CREATE TABLE planted AS SELECT event_id, n, CASE WHEN n % 24 = 0 THEN 'value' WHEN n % 24 = 4 THEN 'missing'"
      " WHEN n % 24 = 8 THEN 'empty' WHEN n % 24 = 12 THEN 'scale' END AS kind FROM event_rows WHERE n % 24 IN (0, 4, "
      "8, 12);"
      "UPDATE event_rows e SET amount = amount + 1 FROM planted p WHERE p.event_id = e.event_id AND kind = 'value';"
      "UPDATE event_rows e SET note = NULL FROM planted p WHERE p.event_id = e.event_id AND kind = 'empty';"
      "UPDATE event_rows e SET amount = amount + 0.000 FROM planted p WHERE p.event_id = e.event_id AND kind = 'scale';"
      "DELETE FROM event_rows e USING planted p WHERE p.event_id = e.event_id AND kind = 'missing';"
      "INSERT INTO event_rows (event_id, n) SELECT lpad(to_hex(n), 32, '0')::uuid, n FROM generate_series(100001, "
      "100250) n");
  std::map<std::string, std::string> planted;
  for (const std::string& row : store.database.rows("SELECT event_id, CASE kind WHEN 'value' THEN 'different amount' "
                                                    "WHEN 'empty' THEN 'different note' ELSE kind"
                                                    " END FROM planted WHERE kind <> 'scale' UNION ALL SELECT "
                                                    "event_id, 'extra' FROM event_rows WHERE n > 100000"))
    planted[row.substr(0, row.find('|'))] = row.substr(row.find('|') + 1);
  ASSERT_EQ(planted.size(), 1'000U);

  const Outcome run = verify("event_rows", {"--drift-file", store.results.path() + "/drift.jsonl"});
  EXPECT_EQ(run.exit_code, 4) << run.err;
  std::map<std::string, std::string> found;
  for (const nlohmann::json& line : drift_file()) {
    EXPECT_EQ(line["projection"], "event_rows");
    EXPECT_EQ(line["table"], "public.event_rows");
    EXPECT_FALSE(line.contains("live") || line.contains("expected")) << line;
    std::string what = line["drift"];
    if (line.contains("columns"))
      for (const std::string column : line["columns"]) what += " " + column;
    found[line["key"]["event_id"]] = what;
  }
  EXPECT_EQ(found, planted);
  const nlohmann::json numbers = run.projection("event_rows")["comparison"];
  EXPECT_EQ(numbers["missing"], 250);
  EXPECT_EQ(numbers["extra"], 250);
  EXPECT_EQ(numbers["different"], 500);
  EXPECT_EQ(numbers["equal"], 6'000 - 750);
  EXPECT_EQ(numbers["columns"], (nlohmann::json{{"amount", 250}, {"note", 250}}));
  EXPECT_EQ(numbers["first"].size(), 10U);
  EXPECT_THAT(run.out, HasSubstr("and 990 more (--drift-limit, --drift-file)"));
}

TEST_F(VerifyTest, ShowsValuesOnlyWhereItIsAllowed) {
  store.append(1, 7);
  ASSERT_EQ(store.apply("stages").exit_code, 0);
  store.database.execute("UPDATE stages SET stage = 'secret' WHERE candidate_id = '3'");
  Outcome run = verify("stages");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.out, HasSubstr("  different  candidate_id = 3: stage\n"));
  EXPECT_THAT(run.out + run.err + run.summary.dump(), testing::Not(HasSubstr("secret")));
  run = verify("stages", {"--show-values"});
  EXPECT_THAT(run.out, HasSubstr("candidate_id = 3: stage is \"secret\", by its events \"stage 3\"\n"));
  const nlohmann::json first = run.projection("stages")["comparison"]["first"][0];
  EXPECT_EQ(first["live"]["stage"], "secret");
  EXPECT_EQ(first["expected"]["stage"], "stage 3");
}

TEST_F(VerifyTest, TheSameRowsHaveOneDigestOnAnyServer) {
  store.append(1, 2'000);
  Recruiting other;
  other.append(1'001, 2'000);
  other.append(1, 1'000);
  ASSERT_EQ(other.apply("all", {"--batch-size", "37"}).exit_code, 0);
  const std::string name = other.database.name();
  other.database.execute("ALTER DATABASE " + name + " SET timezone = 'Asia/Tokyo'; ALTER DATABASE " + name +
                         " SET datestyle = 'German'; ALTER DATABASE " + name + " SET extra_float_digits = -5");
  const Outcome here = verify("all"), there = other.run({"--projection", "all", "--mode", "VERIFY"});
  EXPECT_EQ(here.exit_code, 4);
  EXPECT_EQ(there.exit_code, 0) << there.out << there.err;
  for (const char* projection : {"event_rows", "stages", "counters"}) {
    EXPECT_EQ(digest(here, projection), digest(there, projection));
    EXPECT_EQ(digest(here, projection).size(), 64U);
  }
  EXPECT_NE(digest(here, "stages"), digest(here, "counters"));
}

TEST_F(VerifyTest, GoesUpToATimeOrAPosition) {
  store.append(1, 300);
  ASSERT_EQ(store.apply("all", {"--to-ts", "2025-01-01T00:00:50Z"}).exit_code, 0);
  EXPECT_EQ(verify("all").exit_code, 4);
  EXPECT_EQ(verify("all", {"--to-ts", "2025-01-01T00:00:50Z"}).exit_code, 0);
  const std::string last = store.database.value(
      "SELECT ts || ', ' || event_id FROM event_store WHERE ts < '2025-01-01T00:00:50Z' ORDER BY ts DESC, event_id "
      "DESC");
  const Outcome run = verify("all", {"--to-position", last});
  EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
  EXPECT_EQ(run.summary["events_read"].get<int>(), 149);
  EXPECT_EQ(verify("all", {"--to-position", "2025-01-01 00:00:49+00, " + event_id(1)}).exit_code, 4);
  for (const auto& [given, complaint] : std::map<std::string, std::string>{
           {"2025-01-01", "has 1 values, and a position of the store event_store has 2 (ts, event_id)"},
           {"2025-01-01, x", "has a value that is not of the type of the store's order columns"}}) {
    const Outcome refused = verify("all", {"--to-position", given});
    EXPECT_EQ(refused.exit_code, 1) << given;
    EXPECT_THAT(refused.err, HasSubstr(complaint));
  }
}

TEST_F(VerifyTest, TheLivePositionMayOnlyBeRead) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  store.database.execute("CREATE TABLE cursors AS SELECT max(ts) AS ts, NULL::uuid AS id FROM event_store");
  for (const auto& [sql, complaint] : std::map<std::string, std::string>{
           {"DELETE FROM public.cursors RETURNING ts, gen_random_uuid()", "read-only transaction"},
           {"SELECT 1; DROP TABLE public.cursors", "--live-position was refused"},
           {"SELECT ts, id FROM cursors", "every name in it needs its schema"},
           {"SELECT ts, id FROM public.cursors", "the live projector has not begun"},
           {"SELECT ts, id FROM public.cursors WHERE false", "must give one row, and gives 0"},
           {"SELECT ts FROM public.cursors", "has 1 values"}}) {
    const Outcome refused = verify("all", {"--live-position", sql});
    EXPECT_EQ(refused.exit_code, 1) << sql << refused.out;
    EXPECT_THAT(refused.err, HasSubstr(complaint)) << sql;
  }
  EXPECT_EQ(store.database.value("SELECT count(*) FROM cursors"), "1");
}

TEST_F(VerifyTest, ARoleNeedsNoMoreThanToReadAndATemporaryTable) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  Role role(store.database, "verifier");
  const std::string database = store.database.name();
  store.database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON DATABASE " + database +
                         " FROM PUBLIC; GRANT CONNECT ON DATABASE " + database + " TO " + role.name() +
                         "; GRANT USAGE ON SCHEMA public TO " + role.name() + "; GRANT SELECT ON event_store TO " +
                         role.name() + "; ALTER ROLE " + role.name() + " SET default_transaction_read_only = on");
  for (const std::string& wanted : {"GRANT SELECT ON \"public\".\"counters\" TO \"" + role.name() + "\";",
                                    "GRANT TEMPORARY ON DATABASE \"" + database + "\" TO \"" + role.name() + "\";"}) {
    const Outcome refused = verify("counters", {"--dsn", role.dsn()});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("must run: " + wanted));
    store.database.execute(wanted);
  }
  const Outcome run = verify("counters", {"--dsn", role.dsn()});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(VerifyTest, TablesThatNoRebuildWouldTakeCanBeCompared) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  store.database.execute(
      "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$fired$$; END';"
      "CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON counters FOR EACH ROW EXECUTE FUNCTION never();"
      "CREATE TABLE refers (candidate_id text REFERENCES counters ON DELETE CASCADE);"
      "ALTER TABLE counters ADD serial bigserial, ADD twice bigint GENERATED ALWAYS AS (changes * 2) STORED");
  const std::string before = store.everything();
  EXPECT_EQ(verify("counters").exit_code, 0);
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.everything(), before);
  EXPECT_EQ(store.database.value("SELECT last_value FROM counters_serial_seq"),
            store.database.value("SELECT count(*) FROM counters"));
}

TEST_F(VerifyTest, AFailingEventIsNamedAndNothingIsCompared) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  store.database.append(9'999, 5'000, "stage_changed", "3", R"({"n": "no number"})");
  const Outcome stopped = verify("counters");
  EXPECT_EQ(stopped.exit_code, 2);
  EXPECT_THAT(stopped.out, HasSubstr(event_id(9'999)));
  EXPECT_THAT(stopped.out, HasSubstr("verdict      none: the tables were not compared"));
  EXPECT_FALSE(stopped.projection("counters").contains("comparison"));
  const Outcome skipped = verify("counters", {"--on-error", "skip"});
  EXPECT_EQ(skipped.exit_code, 2);
  EXPECT_THAT(skipped.out, HasSubstr("verdict      none: "));
}

TEST_F(VerifyTest, ASignalEndsItWithoutAVerdict) {
  store.append(1, 300);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient holder(store.database);
  holder.execute("SELECT pg_advisory_lock(42)");
  const std::string waiting = store.store_that_waits_at(200);
  Program program(store.with_places({"--projection", "all", "--mode", "VERIFY", "--store", waiting, "--fence", "off"}));
  ASSERT_TRUE(store.wait_until_blocked());
  program.signal(SIGTERM);
  const Outcome run = store.result_of(program);
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_THAT(run.out, HasSubstr("verdict      none: the tables were not compared"));
}

TEST_F(VerifyTest, ASignalEndsTheComparison) {
  store.append(1, 300);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
  const std::string waiting = store.store_that_waits_at(200);
  Program program(store.with_places({"--projection", "all", "--mode", "VERIFY", "--store", waiting, "--fence", "off"}));
  ASSERT_TRUE(store.wait_until_blocked());
  OtherClient locker(store.database);
  locker.execute("LOCK TABLE counters IN ACCESS EXCLUSIVE MODE");
  holder.execute("SELECT pg_advisory_unlock(42)");
  for (int tries = 0;
       tries < 3'000 && store.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'relation' AND"
                                             " application_name ^@ 'rebuild_projection/commit'") != "1";
       ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  program.signal(SIGINT);
  const Outcome run = store.result_of(program);
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_THAT(run.out, HasSubstr("verdict      none: the tables were not compared"));
}

TEST_F(VerifyTest, ALostConnectionIsNoVerdict) {
  store.append(1, 300);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient holder(store.database);
  holder.execute("SELECT pg_advisory_lock(42)");
  const std::string waiting = store.store_that_waits_at(200);
  Program program(store.with_places({"--projection", "all", "--mode", "VERIFY", "--store", waiting, "--fence", "off"}));
  ASSERT_TRUE(store.wait_until_blocked());
  store.database.value(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
      " AND application_name ^@ 'rebuild_projection/commit'");
  holder.execute("ROLLBACK; SELECT pg_advisory_unlock(42)");
  const Outcome run = store.result_of(program);
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.out, HasSubstr("the temporary tables"));
  EXPECT_THAT(run.out, HasSubstr("run VERIFY again"));
  EXPECT_THAT(run.out, HasSubstr("verdict      none"));
}

TEST_F(VerifyTest, WhatComesWhileItReadsIsCaughtUpUnlessItComesLate) {
  store.append(1, 300);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string waiting = store.store_that_waits_at(200);
  for (const bool late : {false, true}) {
    OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
    Program program(
        store.with_places({"--projection", "event_rows", "--mode", "VERIFY", "--store", waiting, "--fence", "off"}));
    ASSERT_TRUE(store.wait_until_blocked());
    store.database.append(late ? 9'001 : 9'000, late ? 3 : 5'000, "note_added", "3", R"({"n": 9})");
    holder.execute("SELECT pg_advisory_unlock(42)");
    const Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, late ? 2 : 4) << run.err << run.out;
    if (late) {
      EXPECT_THAT(run.out, HasSubstr("late events arrived; nothing was compared, run VERIFY again"));
    } else {
      EXPECT_EQ(run.summary["events_read"], 301);
      EXPECT_EQ(run.projection("event_rows")["comparison"]["missing"], 1);
      ASSERT_EQ(store.apply("all").exit_code, 0);
    }
  }
}

TEST_F(VerifyTest, EventsOfAnotherDatabase) {
  store.append(1, 300);
  Recruiting tables;
  ASSERT_EQ(tables.apply("all", {"--source-dsn", store.database.dsn()}).exit_code, 0);
  const std::vector<std::string> there{"--projection", "all", "--mode", "VERIFY", "--source-dsn", store.database.dsn()};
  Outcome run = tables.run(there);
  EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
  EXPECT_THAT(run.out, HasSubstr("the events are read from another database than the tables"));
  tables.database.execute("CREATE TABLE cursors AS SELECT timestamptz '2025-01-01 00:00:50Z' AS ts, '" + event_id(151) +
                          "'::uuid AS id");
  std::vector<std::string> up_to = there;
  up_to.insert(up_to.end(), {"--live-position", "SELECT * FROM public.cursors"});
  run = tables.run(up_to);
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.summary["events_read"], 151);
  EXPECT_EQ(run.projection("event_rows")["comparison"]["extra"], 149);
  EXPECT_THAT(run.out, testing::Not(HasSubstr("another database")));
}

TEST_F(VerifyTest, WhatAHorizonHidesIsInTheLiveRowsToo) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);
  const std::string file = store.results.write(
      "horizon.toml",
      "from = \"event_store\"\norder = [\"ts\", \"event_id\"]\nevent_id = \"event_id\"\nts = \"ts\"\ntype = "
      "\"event_type\"\nstream_id = \"aggregate_id\"\npayload = \"payload\"\nhorizon = \"e.ts < '2025-01-01 "
      "00:00:05Z'\"\n");
  const Outcome run = verify("event_rows", {"--store", file});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_EQ(run.summary["events_read"], 30);
}

TEST_F(VerifyTest, ADefaultThatDrawsFromASequenceEndsTheRun) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("counters").exit_code, 0);
  store.database.execute(
      "CREATE SEQUENCE numbers; ALTER TABLE counters ALTER changes SET DEFAULT nextval('numbers'), ALTER total DROP "
      "NOT "
      "NULL");
  const Outcome run = verify("counters");
  EXPECT_EQ(run.exit_code, 2) << run.out;
  EXPECT_THAT(run.out, HasSubstr("nextval() in a read-only transaction"));
  EXPECT_EQ(store.database.value("SELECT is_called FROM numbers"), "f");
}

TEST_F(VerifyTest, ADefaultThatIsNoConstantIsDriftWhereNoEventSetTheColumn) {
  store.append(1, 30);
  store.database.execute("ALTER TABLE event_rows ALTER at SET DEFAULT clock_timestamp()");
  store.projections.write("event_rows.toml",
                          "name = \"event_rows\"\ntable = \"event_rows\"\nkey = [\"event_id\"]\n[[on]]\nevent = \"*\"\n"
                          "key = { event_id = \"@event_id\" }\nset = { n = \"/n\", at = \"/never_there\" }\n");
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);
  const Outcome run = verify("event_rows", {"--drift-file", store.results.path() + "/drift.jsonl"});
  EXPECT_EQ(run.exit_code, 4) << run.err;
  const std::vector<nlohmann::json> drift = drift_file();
  ASSERT_EQ(drift.size(), 30U);
  for (const nlohmann::json& row : drift) EXPECT_EQ(row["columns"], (nlohmann::json{"at"}));
}

TEST_F(VerifyTest, SaysThatARebuildIsRunning) {
  store.append(1, 30);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  OtherClient rebuild(store.database, "SELECT pg_advisory_lock(1919246965, 'counters'::regclass::oid::integer)");
  const Outcome run = verify("counters");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("a rebuild of public.counters is running"));
}

/// Events by a clock, and rows that whoever appends them changes in the same transaction; or a projector that follows.
class LiveVerifyTest : public LiveStore {
 protected:
  Outcome verify(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--projection", "counters", "--mode", "VERIFY"});
    return store.run(more);
  }
};

TEST_F(LiveVerifyTest, WritersOfEventsAndRowsAreNoDrift) {
  append(1, 2'000);
  ASSERT_EQ(store.apply("counters").exit_code, 0);
  std::atomic<std::uint64_t> next = 10'001;
  std::vector<std::jthread> writers;
  for (int number = 0; number < 8; ++number)
    writers.emplace_back([&](const std::stop_token& stop) {
      OtherClient client(store.database, "SELECT");
      while (!stop.stop_requested()) {
        const std::uint64_t event = next++;
        client.execute("BEGIN; " + insert(event, event) +
                       "; UPDATE counters SET changes = changes + 1, total = total + " + std::to_string(event) +
                       " WHERE candidate_id = '" + std::to_string(event % 7) + "'; COMMIT");
      }
    });
  std::uint64_t read = 0;
  for (int run = 0; run < 5; ++run) {
    const Outcome outcome = verify();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_GT(outcome.summary["events_read"].get<std::uint64_t>(), read);
    read = outcome.summary["events_read"];
  }
  store.database.execute("UPDATE counters SET total = total + 1 WHERE candidate_id = '4'");
  const Outcome drifted = verify();
  EXPECT_EQ(drifted.exit_code, 4) << drifted.err;
  EXPECT_EQ(drifted.projection("counters")["comparison"]["different"], 1);
  EXPECT_THAT(drifted.out, HasSubstr("different  candidate_id = 4: total\n"));
}

TEST_F(LiveVerifyTest, TheLagOfAProjectorIsNoDrift) {
  const std::string by_number = store_in_order(by_n);
  append(1, 500);
  store.database.execute(
      "CREATE TABLE cursors (n bigint); INSERT INTO cursors VALUES (0);"
      "CREATE FUNCTION project() RETURNS void LANGUAGE sql AS $$"
      " WITH moved AS (UPDATE cursors SET n = (SELECT coalesce(max(n), cursors.n) FROM (SELECT e.n FROM event_store e"
      "   WHERE e.n > cursors.n ORDER BY e.n LIMIT 3) AS next) RETURNING n)"
      " INSERT INTO counters SELECT aggregate_id, count(*), sum((payload->>'n')::numeric) FROM event_store e, moved"
      " WHERE e.n <= moved.n AND e.n > (SELECT n FROM cursors) GROUP BY 1"
      " ON CONFLICT (candidate_id) DO UPDATE SET changes = counters.changes + excluded.changes,"
      " total = counters.total + excluded.total $$");
  std::jthread projector([&](const std::stop_token& stop) {
    OtherClient client(store.database, "SELECT");
    while (!stop.stop_requested()) client.execute("SELECT project()");
  });
  std::jthread writer([&](const std::stop_token& stop) {  // one, so that numbers come in the order of commits
    OtherClient client(store.database, "SELECT");
    for (std::uint64_t event = 1'001; !stop.stop_requested(); event += 5) client.execute(insert(event, event + 4));
  });
  for (int run = 0; run < 5; ++run) {
    const Outcome outcome = verify({"--store", by_number, "--live-position", "SELECT n FROM public.cursors"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_EQ(verify({"--store", by_number}).exit_code, 4);  // the lag is there
  }
}

}  // namespace
}  // namespace rebuild_projection::test

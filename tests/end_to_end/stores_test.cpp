// Without this file a preset could read its store in another order than the application wrote it, take what was deleted
// for an event, or lose events that are committed late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "pipeline/error.h"
#include "tests/end_to_end/store_shapes.h"
#include "tests/support/in_process.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class Presets : public testing::TestWithParam<StoreShape> {
 protected:
  Presets() : shape(GetParam()), run(database) {
    shape.create(database);
    database.execute(
        "CREATE TABLE target (id text PRIMARY KEY, first bigint, last bigint, n integer, total numeric,"
        " last_at timestamptz)");
    run.write_projection("target",
                         "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = [\"noted\", \"closed\"]\n"
                         "key = { id = \"@stream_id\" }\ninit = { first = \"/n\" }\n"
                         "set = { last = \"/n\", last_at = \"@ts\" }\nadd = { n = 1, total = \"/n\" }\n");
    run.options.store = shape.preset;
  }

  /// Two tenants, times that go back and forth, and events that the application has hidden.
  void log_events() {
    database.execute(
        "CREATE TABLE log AS SELECT n::bigint, md5('e' || n)::uuid AS id, md5('s' || n % 7)::uuid::text AS stream,"
        " ((n + 6) / 7)::bigint AS seq, CASE n % 5 WHEN 0 THEN 'closed' ELSE 'noted' END AS kind,"
        " timestamptz '2025-01-01Z' + n * 37 % 100 * interval '1 min' AS ts, jsonb_build_object('n', n) AS body,"
        " n % 11 = 0 AS hidden, CASE WHEN n % 7 < 5 THEN 'a' ELSE 'b' END AS tenant FROM generate_series(1, 600) AS n");
    shape.copy_log(database);
  }
  [[nodiscard]] std::string events() const {
    return "(SELECT *, row_number() OVER (ORDER BY " + std::string(shape.order) + ") AS place FROM log" +
           (shape.hides ? " WHERE NOT hidden" : "") + ") AS e";
  }
  std::uint64_t event_count() { return std::stoull(database.value("SELECT count(*) FROM " + events())); }

  void expect_rows_of_the_log() {
    EXPECT_EQ(database.rows("SELECT id, first, last, n, total, last_at FROM target ORDER BY id"),
              database.rows("SELECT stream, (array_agg(body->>'n' ORDER BY place))[1],"
                            " (array_agg(body->>'n' ORDER BY place DESC))[1], count(*), sum((body->>'n')::int), " +
                            std::string(shape.has_ts ? "(array_agg(ts ORDER BY place DESC))[1]" : "NULL") + " FROM " +
                            events() + " GROUP BY stream ORDER BY stream"));
  }

  StoreShape shape;
  Database database;
  InProcess run;
};

INSTANTIATE_TEST_SUITE_P(Shapes, Presets, testing::ValuesIn(store_shapes().begin(), store_shapes().end()),
                         [](const auto& one) {
                           std::string name = one.param.preset;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(Presets, AreReadInTheirOrder) {
  log_events();
  for (const std::uint64_t batch_events : {7U, 100'000U}) {
    run.options.batch_events = batch_events;
    const Report report = run.apply();
    EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
    EXPECT_EQ(report.events_read, event_count());
    expect_rows_of_the_log();
  }
}

TEST_P(Presets, MayBeEmpty) {
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 0) << report.ending_detail;
  EXPECT_EQ(report.events_read, 0U);
}

TEST_P(Presets, CanBeginLater) {
  log_events();
  run.options.clear = Clear::always;
  run.options.max_events = 3;
  const Report three = run.apply();
  ASSERT_TRUE(three.last_position);
  run.options.max_events = 0;

  run.options.from_position = *three.last_position;
  const Report rest = run.apply();
  EXPECT_EQ(rest.exit_code(), 0) << rest.ending_detail;
  EXPECT_EQ(rest.events_read, event_count() - 3);
  EXPECT_EQ(database.value("SELECT sum(n) FROM target"), std::to_string(event_count() - 3));

  run.options.from_position.clear();
  run.options.from_event_id = three.last_event_id;
  if (shape.has_id)
    EXPECT_EQ(run.apply().events_read, event_count() - 3);
  else
    EXPECT_THAT(run.refusal(),
                HasSubstr("have no ids; say --from-position with the values of the store's order columns ("));
  run.options.from_event_id.reset();

  run.options.from_ts = "2025-01-01 01:00:00+00";
  if (shape.has_ts)
    EXPECT_EQ(std::to_string(run.apply().events_read),
              database.value("SELECT count(*) FROM " + events() + " WHERE ts >= '2025-01-01 01:00Z'"));
  else
    EXPECT_THAT(run.refusal(), HasSubstr("has no timestamp, so --from-ts and --to-ts mean nothing there"));
}

TEST_P(Presets, CanBeResumedWhereTheOrderIsTheStores) {
  log_events();
  run.options.max_events = 250;
  ASSERT_EQ(run.apply().exit_code(), 0);
  run.options.max_events = 0;
  run.options.resume = true;
  if (shape.per_stream) {
    EXPECT_THAT(run.refusal(), HasSubstr("orders events within their streams only (per_stream)"));
    return;
  }
  const Report rest = run.apply();
  EXPECT_EQ(rest.exit_code(), 0) << rest.ending_detail;
  EXPECT_EQ(rest.events_read, event_count() - 250);
  expect_rows_of_the_log();
  EXPECT_EQ(run.apply().events_read, 0U);
}

TEST_P(Presets, MissNoEventThatIsCommittedLate) {
  if (*shape.append == '\0') GTEST_SKIP() << "clients draw its positions";
  database.execute(shape.append_event(1));
  OtherClient writer(database);
  writer.execute(shape.append_event(2));
  run.options.fence_timeout = std::chrono::seconds(30);
  if (std::string(shape.preset) == "commanded") {
    // Nobody else can append meanwhile, so nothing has to be waited for.
    EXPECT_THROW(database.execute("SET LOCAL lock_timeout = 100; " + shape.append_event(3)), std::exception);
    EXPECT_EQ(run.apply().events_read, 1U);
    writer.execute("COMMIT");
  } else {
    database.execute(shape.append_event(3));
    auto first = std::async(std::launch::async, [this] { return run.apply(); });
    if (std::string(shape.preset) == "emmett") {
      EXPECT_LE(first.get().events_read, 1U);  // what may come later still is behind the horizon
      writer.execute("COMMIT");
    } else {
      while (first.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready &&
             database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
                            " application_name LIKE 'rebuild\\_projection/%' AND query ~ 'virtualxid'") == "0") {
      }
      EXPECT_NE(first.wait_for(std::chrono::seconds(0)), std::future_status::ready) << "it did not wait";
      writer.execute("COMMIT");
      EXPECT_EQ(first.get().events_read, 3U);
    }
  }
  run.options.resume = true;
  const auto last_n = [this] { return database.value("SELECT last || ' of ' || n FROM target"); };
  for (int tries = 0; tries < 500 && last_n() != (shape.preset == std::string("commanded") ? "2 of 2" : "3 of 3");
       ++tries)
    EXPECT_EQ(run.apply().exit_code(), 0);  // transactions of other databases hold the horizon back, too
  EXPECT_EQ(database.value("SELECT n FROM target"), shape.preset == std::string("commanded") ? "2" : "3");
}

TEST(OrdersByTransaction, AreComparedAsNumbers) {
  // As texts 9 would come after 10.
  Database database;
  store_shape("emmett").create(database);
  database.execute(
      "INSERT INTO emt_messages SELECT 's', n, 'a', 'E', jsonb_build_object('n', n), '{}', '1', 'noted', n::text, "
      "false, n,"
      " (n + 3)::text::xid8, now() FROM generate_series(1, 30) n; CREATE TABLE target (id text PRIMARY KEY, last "
      "integer)");
  InProcess run(database);
  run.options.store = "emmett";
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n"
                       "set = { last = \"/n\" }\n");
  run.options.batch_events = 4;
  EXPECT_EQ(run.apply().exit_code(), 0);
  EXPECT_EQ(database.value("SELECT last FROM target"), "30");
  run.options.from_position = {"9", "6"};
  run.options.clear = Clear::always;
  EXPECT_EQ(run.apply().events_read, 24U);
}

TEST(PayloadsThatAreNoJson, AreNamedWithTheirEventAndWhatTheyAre) {
  Database database;
  store_shape("rails-event-store").create(database);
  database.execute("CREATE TABLE target (id text PRIMARY KEY, n integer)");
  InProcess run(database);
  run.options.store = "rails-event-store";
  run.write_projection("target",
                       "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n"
                       "set = { n = \"/n\" }\n");
  const auto add = [&](int n, const std::string& data) {
    const std::string id = "'" + event_id(static_cast<std::uint64_t>(n)) + "'";
    database.execute("INSERT INTO event_store_events VALUES (" + std::to_string(n) + ", " + id + ", 'k', NULL, " +
                     data + ", now()); INSERT INTO event_store_events_in_streams VALUES (" + std::to_string(n) +
                     ", 's" + std::to_string(n) + "', 0, " + id + ", now())");
  };
  add(1, R"('{"n": 1}')");
  add(2, R"(E'---\n:n: 2\n')");
  const Report report = run.apply();
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_THAT(report.ending_detail, HasSubstr(event_id(2)));
  EXPECT_THAT(report.ending_detail,
              HasSubstr("payload is not valid JSON: unexpected character near byte 2; it begins as YAML"));
  run.options.on_error = OnError::skip;
  add(3, R"('\x836400016e')");  // an Erlang term
  add(4, R"('\x04087b')");
  add(5, R"('{"n": 5}')");
  run.apply();
  EXPECT_EQ(database.rows("SELECT id, n FROM target ORDER BY id"), (std::vector<std::string>{"s1|1", "s5|5"}));
  EXPECT_EQ(run.dead_letters("target"), (std::vector<std::string>{event_id(2), event_id(3), event_id(4)}));
  EXPECT_THAT(
      database.value("SELECT string_agg(error, ' ' ORDER BY event_id) FROM rebuild_projection.rebuild_dead_letters"),
      testing::AllOf(HasSubstr("an Erlang term"), HasSubstr("a Ruby object")));
}

/// A store file of one's own, and what is wrong with it.
class StoreFiles : public testing::Test {
 protected:
  StoreFiles() : run(database) {
    database.create_event_store();
    database.execute("CREATE TABLE target (id text PRIMARY KEY)");
    run.write_projection("target",
                         "table = \"target\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\nkey = { id = \"@stream_id\" }\n");
  }
  Database database;
  InProcess run;
};

TEST_F(StoreFiles, AreRefusedWithEveryMistakeAtItsLine) {
  run.write_store(
      {{"ts", "\"when\""}, {"type", "\"what\""}, {"payload", "\"aggregate_id\""}, {"horizon", "\"e.nobody < 1\""}});
  const std::string said = run.refusal();
  EXPECT_THAT(said, testing::ContainsRegex("store.toml:[0-9]+: the store has no column \"when\""));
  EXPECT_THAT(said, testing::ContainsRegex("store.toml:[0-9]+: the store has no column \"what\""));
  run.write_store({{"horizon", "\"e.nobody < 1\""}});
  EXPECT_THAT(run.refusal(), testing::ContainsRegex("store.toml:[0-9]+: .*nobody"));
  run.write_store({{"from", "\"(SELECT * FORM public.event_store)\""}});
  EXPECT_THAT(run.refusal(), testing::ContainsRegex("store.toml:[0-9]+: .*syntax error"));
  run.write_store({{"from", "\"(SELECT * FROM event_store)\""}});
  EXPECT_THAT(run.refusal(), HasSubstr("inside a subquery every name needs its schema"));
}

TEST_F(StoreFiles, CannotWrite) {
  database.append(1, 1, "seen", "s", "{}");
  database.execute(
      "CREATE FUNCTION forget() RETURNS SETOF event_store LANGUAGE sql AS 'DELETE FROM public.event_store RETURNING "
      "*'");
  const std::string before = database.store_digest();
  const char* writes[] = {
      "(SELECT * FROM public.forget())",
      "(WITH gone AS (DELETE FROM public.event_store RETURNING *) SELECT * FROM gone)",
      "(SELECT * FROM public.event_store) AS s LIMIT 0) AS e ON false; DELETE FROM public.event_store; --",
  };
  for (const char* from : writes) {
    run.write_store({{"from", toml_text(from)}});
    EXPECT_THAT(run.refusal(), testing::ContainsRegex("store.toml:[0-9]+: ")) << from;
    EXPECT_EQ(database.store_digest(), before);
  }
  run.write_store({{"horizon", "\"true); DELETE FROM public.event_store; --\""}});
  EXPECT_THAT(run.refusal(), testing::ContainsRegex("store.toml:[0-9]+: "));
  EXPECT_EQ(database.store_digest(), before);
}

TEST_F(StoreFiles, MustTellEventsApart) {
  for (std::uint64_t n = 1; n <= 20; ++n) database.append(n, n / 2, "seen", "s", "{}");
  database.execute("CREATE VIEW seen AS TABLE event_store");
  for (const char* from : {"event_store", "seen", "(SELECT * FROM public.event_store)"}) {
    SCOPED_TRACE(from);
    run.write_store({{"from", toml_text(from)}, {"order", "[\"ts\"]"}});
    EXPECT_THAT(run.refusal(),
                testing::ContainsRegex("store.toml:[0-9]+: 2 events share the position 2025-01-01 .*one more column"));
    run.write_store({{"from", toml_text(from)}});
    EXPECT_EQ(run.apply().exit_code(), 0);
  }
  // Without an index that says so, what is there counts.
  database.execute("CREATE TABLE copy AS SELECT * FROM event_store WHERE event_id::text LIKE '%2'");
  run.write_store({{"from", "\"copy\""}, {"order", "[\"ts\"]"}});
  EXPECT_EQ(run.apply().exit_code(), 0);
}

TEST_F(StoreFiles, MayHaveIdsThatAreNoOnesOwn) {
  for (std::uint64_t n = 1; n <= 4; ++n) database.append(n, n, n < 3 ? "seen" : "heard", "s", "{}");
  run.write_store({{"event_id", "\"event_type\""}});
  run.options.from_event_id = "seen";
  EXPECT_THAT(run.refusal(), HasSubstr("more than one event of the store has the id seen; say --from-position"));
}

TEST_F(StoreFiles, OfManyEventsWithoutAnIndexAreToldHowToMakeOne) {
  const std::string event = ", 'k', 's', '{}' FROM generate_series(1, 10001) n";
  database.execute(
      "CREATE TABLE parts (LIKE event_store) PARTITION BY LIST (event_type);"
      " CREATE TABLE part PARTITION OF parts DEFAULT;"
      " INSERT INTO parts SELECT md5(n::text)::uuid, now()" +
      event);
  run.write_store({{"from", "\"parts\""}});
  // No index of a partitioned table is made concurrently; the statement is one that works.
  const Report table = run.apply();
  ASSERT_EQ(table.warnings.size(), 1U);
  const std::string statement = "CREATE INDEX ON \"public\".\"parts\" (\"ts\", \"event_id\");";
  EXPECT_THAT(table.warnings.front(), HasSubstr(statement));
  run.write_store({{"from", "\"(SELECT * FROM public.parts WHERE event_type <> 'hidden')\""}});
  EXPECT_THAT(run.apply().warnings.at(0), HasSubstr(statement));
  database.execute(statement);
  EXPECT_EQ(run.apply().warnings, std::vector<std::string>{});
  // Whose column is computed, or a view's, no index is named for.
  database.execute("CREATE TABLE plain AS TABLE parts; CREATE VIEW seen AS TABLE plain");
  for (const char* from :
       {"seen", "(SELECT event_id, ts + interval '0' AS ts, event_type, aggregate_id, payload FROM public.plain)"}) {
    run.write_store({{"from", toml_text(from)}});
    const Report report = run.apply();
    ASSERT_EQ(report.warnings.size(), 1U);
    EXPECT_THAT(report.warnings.front(), testing::Not(HasSubstr("CREATE INDEX")));
  }
}

TEST(PresetFiles, AreListedAndShown) {
  const auto list = Program::run({"--list-stores"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  for (const StoreShape& shape : store_shapes()) {
    EXPECT_THAT(list.out, HasSubstr(std::string(shape.preset) + "  "));
    const auto shown = Program::run({"--show-store", shape.preset});
    EXPECT_THAT(shown.out, HasSubstr("\nfrom "));
    EXPECT_THAT(shown.out, HasSubstr("\"" + std::string(shape.preset) + "\""));
  }
  EXPECT_EQ(std::ranges::count(list.out, '\n'), static_cast<long>(store_shapes().size()));
  const auto wrong = Program::run({"--show-store", "nobodys"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("--show-store: there is no preset \"nobodys\"; the presets are commanded, "));
}

}  // namespace
}  // namespace rebuild_projection::test

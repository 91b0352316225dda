// Without this file a run could be silent where events before its end may yet be committed, and a resume could pass
// them without a word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batch_points.h"
#include "tests/support/live_store.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class LateEventsTest : public LiveStore {
 protected:
  LateEventsTest() { append(1, 100); }
  /// After this an event that is not committed yet stands before the last one.
  static void draw(OtherClient& writer) { writer.execute(insert(101, 101)); }
};

TEST_F(LateEventsTest, AreCountedWhereNothingWasWaitedFor) {
  OtherClient writer(store.database);
  draw(writer);
  append(102, 110);
  const Outcome run = apply({"--fence", "off"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["late_events"], "--fence off: no transaction was waited for");
  EXPECT_THAT(run.out, HasSubstr("not ruled out (--fence off: no transaction was waited for)"));
  EXPECT_EQ(resume({"--fence", "off"}).exit_code, 0) << "none came yet";
  writer.execute("COMMIT");
  append(111, 120);
  const Outcome late = resume({"--fence", "off"});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_EQ(late.summary["ending"], "failed");
  EXPECT_THAT(late.err, HasSubstr("the store has 120 events up to "));
  EXPECT_THAT(late.err, HasSubstr("but 119 were read for projection counters by all its runs: 1 were committed late"));
  EXPECT_THAT(late.err, HasSubstr("rebuild it from the beginning, without --resume"));
  EXPECT_THAT(late.err, Not(HasSubstr("go on with --resume")));
  EXPECT_EQ(store.checkpoint("state", "event_rows"), "running");
  EXPECT_EQ(resume({"--fence", "off"}).exit_code, 2) << "it must not be forgotten";
  EXPECT_EQ(apply().exit_code, 0);
  expect_whole(120);
}

TEST_F(LateEventsTest, OfARunWithoutFenceAreFoundByAResumeWithOne) {
  OtherClient writer(store.database);
  draw(writer);
  append(102, 110);
  EXPECT_EQ(apply({"--fence", "off"}).exit_code, 0);
  writer.execute("COMMIT");
  for (int time = 0; time < 2; ++time) {  // the second one, too: it must not be forgotten
    const Outcome late = resume();
    EXPECT_EQ(late.exit_code, 2);
    EXPECT_THAT(late.err, HasSubstr("1 were committed late"));
  }
}

TEST_F(LateEventsTest, OfARunWithoutFenceAreWaitedForByAResume) {
  OtherClient writer(store.database);
  draw(writer);
  append(102, 110);
  EXPECT_EQ(apply({"--fence", "off"}).exit_code, 0);
  EXPECT_THAT(refused({"--resume"}), HasSubstr("server process ")) << "although nothing came after it";
  writer.execute("ROLLBACK");
  const Outcome settled = resume();
  EXPECT_EQ(settled.exit_code, 0) << settled.err;
  EXPECT_EQ(settled.summary["late_events"], "in an earlier run: --fence off: no transaction was waited for");
  // From here on nothing has to be counted.
  EXPECT_EQ(resume().summary["late_events"], "");
  expect_whole(109);
}

TEST_F(LateEventsTest, ThatComeDuringARunAreNotForgotten) {
  append(101, 200);
  Outcome late;
  {
    BatchPoints points;
    const Proxy proxy([&](const Message& message) {
      // A client draws a time of its own, after the first event's and before the rest.
      if (points.see(message) == BatchPoint::rows_written && points.batch() == 3)
        store.database.execute(
            "INSERT INTO event_store SELECT gen_random_uuid(), min(ts) + interval '1 microsecond',"
            " 'stage_changed', '1', '{\"n\": 1}' FROM event_store");
      return Verdict::pass;
    });
    late = apply({"--dsn", proxy.dsn(store.database.name()), "--batch-size", "10"});
  }
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_THAT(late.err, HasSubstr("run the rebuild again"));
  EXPECT_THAT(late.err, Not(HasSubstr("go on with --resume")));
  const Outcome next = resume();
  EXPECT_EQ(next.exit_code, 2);
  EXPECT_THAT(next.err, HasSubstr("1 were committed late"));
}

TEST_F(LateEventsTest, AreToldFromEventsThatWereDeleted) {
  EXPECT_EQ(apply({"--fence", "off"}).exit_code, 0);
  store.database.execute("DELETE FROM event_store WHERE event_id IN ('" + event_id(50) + "', '" + event_id(51) + "')");
  const Outcome run = resume({"--fence", "off"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("the store has 98 events up to "));
  EXPECT_THAT(run.err, HasSubstr("2 were deleted since"));
}

TEST_F(LateEventsTest, AreRuledOutOnlyWhereTheServerAloneDrawsPositions) {
  struct Case {
    std::string change, order, said;
    const char* from = "event_store";
  };
  for (const Case& one : {
           Case{"SELECT", by_ts, ""},
           Case{"SELECT", by_n, ""},
           Case{"SELECT", by_n, "", "(SELECT * FROM public.event_store WHERE event_type <> 'x')"},
           Case{
               "ALTER TABLE event_store ALTER n DROP IDENTITY; CREATE SEQUENCE own; ALTER TABLE event_store ALTER n SET"
               " DEFAULT nextval('own')",
               by_n, ""},
           Case{"ALTER SEQUENCE own CACHE 10", by_n,
                "the sequence of \"n\" hands out blocks (CACHE), so a later event can get an earlier number"},
           Case{"ALTER TABLE event_store ALTER n DROP DEFAULT", by_n,
                "the store's catalogue gives \"n\" no default, so clients may draw it"},
           Case{"CREATE VIEW seen AS TABLE event_store", by_ts,
                "the store's catalogue gives \"ts\" no default, so clients may draw it", "seen"},
           Case{"SELECT", by_ts, "", "(TABLE public.event_store)"},
           Case{"SELECT", by_ts, "the store's catalogue gives \"ts\" no default, so clients may draw it",
                "(SELECT n, ts + interval '0' AS ts, event_id, event_type, aggregate_id, payload FROM "
                "public.event_store)"},
           Case{"INSERT INTO event_store VALUES (gen_random_uuid(), now() + interval '1 day', 'x', 'y', '{}', 999)",
                by_ts, "\"ts\" of the last event is later than the server's clock"},
           Case{"ALTER TABLE event_store ALTER ts DROP DEFAULT; DELETE FROM event_store WHERE n = 999", by_ts,
                "the store's catalogue gives \"ts\" no default, so clients may draw it"},
       }) {
    SCOPED_TRACE(one.change + " " + one.order);
    store.database.execute(one.change);
    const std::string file = store_in_order(one.order, "", one.from);
    // Always: the last event goes in between.
    for (const std::vector<std::string>& more : {std::vector<std::string>{"--clear", "always"}, {"--resume"}}) {
      std::vector<std::string> arguments{"--store", file, "--projection", "event_rows", "--mode", "APPLY"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const Outcome run = store.run(arguments);
      EXPECT_EQ(run.exit_code, 0) << run.err;
      EXPECT_EQ(run.summary["late_events"], one.said);
    }
  }
}

TEST_F(LateEventsTest, AreNotRuledOutByARoleThatDoesNotSeeWhenTransactionsBegan) {
  const Role reader(store.database, "reader");
  store.database.execute("GRANT SELECT ON event_store TO " + reader.name());
  const auto said = [&](const char* order) {
    return store.apply("event_rows", {"--store", store_in_order(order), "--source-dsn", reader.dsn()})
        .summary["late_events"]
        .get<std::string>();
  };
  EXPECT_THAT(said(by_ts), HasSubstr("lacks pg_read_all_stats"));
  EXPECT_EQ(said(by_n), "");  // locks tell who has drawn a number, and anybody sees them
  store.database.execute("GRANT pg_read_all_stats TO " + reader.name());
  EXPECT_EQ(said(by_ts), "");
}

TEST_F(LateEventsTest, OfASequenceWithBlocksMakeItWaitForEverybody) {
  store.database.execute("ALTER TABLE event_store ALTER n SET CACHE 10");
  OtherClient writer(store.database);
  writer.value("SELECT now()");
  EXPECT_THAT(refused({"--store", store_in_order(by_n)}), HasSubstr("server process "));
  // A session with a block in hand, and a later event before its next one: no fence can help, the count does.
  OtherClient early(store.database, insert(101, 101));
  append(102, 102);
  writer.execute("ROLLBACK");
  EXPECT_EQ(apply({"--store", store_in_order(by_n)}).exit_code, 0);
  early.execute(insert(103, 103));
  const Outcome late = resume({"--store", store_in_order(by_n)});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_THAT(late.err, HasSubstr("1 were committed late"));
}

TEST_F(LateEventsTest, AreHiddenByAHorizonWithoutWaiting) {
  give_transactions(store.database);
  const std::vector<std::string> with_horizon{"--store", store_in_order(by_transaction_and_n, horizon_line()),
                                              "--fence-timeout", "1"};
  OtherClient writer(store.database);
  draw(writer);
  append(102, 110);
  ASSERT_TRUE(wait_for_horizon(store.database, "100"));
  const Outcome run = apply(with_horizon);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 100);
  EXPECT_EQ(run.summary["late_events"], "");
  EXPECT_EQ(resume(with_horizon).summary["events_read"], 0);
  writer.execute("COMMIT");
  ASSERT_TRUE(wait_for_horizon(store.database, "110"));
  const Outcome next = resume(with_horizon);
  EXPECT_EQ(next.exit_code, 0) << next.err;
  EXPECT_EQ(next.summary["events_read"], 10);
  expect_whole(110);
}

}  // namespace
}  // namespace rebuild_projection::test

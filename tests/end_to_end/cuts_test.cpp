// Without this file a COMMIT whose answer is lost could be repeated, or taken for done when it was not.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>

#include "tests/support/batch_points.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

bool stressed() {
  return std::getenv("REBUILD_PROJECTION_STRESS") != nullptr;
}

class CutsTest : public testing::Test {
 protected:
  CutsTest() { store.append(1, events); }

  std::vector<std::string> arguments(const std::string& dsn, std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY", "--dsn", dsn});
    return store.with_places(more);
  }
  /// The proxy is gone when this returns, and what its hook has noted can be read.
  Outcome apply_through(Proxy::Hook hook, const std::vector<std::string>& more = {}) {
    const Proxy proxy(std::move(hook));
    Program program(arguments(proxy.dsn(store.database.name()), more));
    return store.result_of(program);
  }
  /// The same, of a run that has to end its own lost sessions: the proxy leaves those at the server that are stranded.
  Outcome apply_and_leave_nothing(Proxy::Hook hook, const std::vector<std::string>& more = {}) {
    const Proxy proxy(std::move(hook));
    Program program(arguments(proxy.dsn(store.database.name()), more));
    Outcome run = store.result_of(program);
    EXPECT_TRUE(store.wait_until_gone());
    return run;
  }
  void expect_whole() {
    for (const char* projection : projections) {
      EXPECT_EQ(store.differing(projection), "0") << projection;
      EXPECT_EQ(store.checkpoint("events, state", projection), std::to_string(events) + "|complete");
    }
  }
  void expect_prefix_of_the_events() {
    for (const char* projection : projections)
      EXPECT_EQ(store.differing_up_to_checkpoint(projection), "0") << projection;
  }
  std::string digests() {
    std::string all;
    for (const char* projection : projections) all += store.database.digest(projection) + "\n";
    return all;
  }
  /// What a summary says that must not depend on cuts.
  static nlohmann::json counts(const Outcome& run) {
    nlohmann::json result;
    for (const char* name : {"ending", "events_in_range", "events_read", "events_by_type", "batches", "first_position",
                             "last_position", "projections"})
      result[name] = run.summary.at(name);
    return result;
  }

  static constexpr std::array<const char*, 3> projections{"event_rows", "stages", "counters"};
  static constexpr int events = 1000;
  Recruiting store;
};

TEST_F(CutsTest, AProxyThatCutsNothingChangesNothing) {
  BatchPoints points;
  int commits = 0;
  const Outcome run = apply_and_leave_nothing(
      [&](const Message& message) {
        if (points.see(message) == BatchPoint::committed) ++commits;
        return Verdict::pass;
      },
      {"--batch-size", "50"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary.at("retries"), 0);
  EXPECT_EQ(commits, 20);
  expect_whole();
}

TEST_F(CutsTest, ACutBeforeTheFirstCommitLeavesTheTablesAsTheyWere) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string rows = digests();
  store.append(events + 1, events + 100);
  for (const Verdict verdict : {Verdict::cut, Verdict::strand}) {
    BatchPoints points;
    const Outcome run = apply_through(
        [&](const Message& message) {
          return points.see(message) == BatchPoint::commit_sent ? verdict : Verdict::pass;
        },
        {"--retries", "0"});
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_EQ(run.summary.at("batches"), 0);
    EXPECT_EQ(digests(), rows);
    ASSERT_TRUE(store.wait_until_gone());
  }
}

struct Cut {
  const char* name;
  Verdict verdict;
  bool arrives;  ///< the COMMIT does
};

class CutsAtCommit : public CutsTest, public testing::WithParamInterface<Cut> {};

TEST_P(CutsAtCommit, OfEveryBatchLeaveEachBatchAppliedOnce) {
  const int batches = stressed() ? 25 : 4;
  const std::vector<std::string> in_batches{"--batch-size", std::to_string(events / batches)};
  // The rows that the first batch clears are counted once, too.
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const Outcome uncut = store.apply("all", in_batches);
  ASSERT_EQ(uncut.exit_code, 0);
  const std::string rows = digests();

  BatchPoints points;
  int commits = 0;
  int cuts = 0;
  const Outcome run = apply_and_leave_nothing(
      [&](const Message& message) {
        if (points.see(message) != BatchPoint::commit_sent) return Verdict::pass;
        // A COMMIT that did not arrive is sent once more, and then goes through.
        if (++commits % 2 == 0 && !GetParam().arrives) return Verdict::pass;
        ++cuts;
        return GetParam().verdict;
      },
      in_batches);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(cuts, batches);
  EXPECT_EQ(commits, GetParam().arrives ? batches : 2 * batches);
  EXPECT_GE(run.summary.at("retries"), cuts);
  EXPECT_EQ(counts(run), counts(uncut));
  EXPECT_EQ(store.checkpoint("batches", "counters"), std::to_string(batches));
  expect_whole();
  EXPECT_EQ(digests(), rows);
}

INSTANTIATE_TEST_SUITE_P(All, CutsAtCommit,
                         testing::Values(Cut{"BeforeItIsForwarded", Verdict::cut, false},
                                         Cut{"BeforeItIsForwardedAndTheServerWaits", Verdict::strand, false},
                                         Cut{"AfterItIsForwarded", Verdict::forward_then_cut, true},
                                         Cut{"WithItsAnswer", Verdict::lose_answer, true}),
                         [](const auto& test) { return test.param.name; });

TEST_F(CutsTest, AnywhereAreEitherOvercomeOrLeaveAPrefix) {
  constexpr std::array verdicts{Verdict::cut, Verdict::strand, Verdict::forward_then_cut, Verdict::lose_answer};
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  const std::vector<std::string> in_batches{"--batch-size", "20"};
  // Which of the client's messages there are to be cut at.
  unsigned messages = 0;
  ASSERT_EQ(apply_through(
                [&](const Message& message) {
                  if (message.from_client) ++messages;
                  return Verdict::pass;
                },
                in_batches)
                .exit_code,
            0);
  std::map<int, int> exit_codes;
  for (int number = 1; number <= (stressed() ? 100 : 10); ++number) {
    SCOPED_TRACE("cut " + std::to_string(number) + " of seed " + std::to_string(seed));
    const unsigned at = static_cast<unsigned>(random()) % messages;
    const Verdict verdict = verdicts[random() % verdicts.size()];
    unsigned seen = 0;
    const Outcome run = apply_through(
        [&](const Message& message) { return message.from_client && seen++ == at ? verdict : Verdict::pass; },
        in_batches);
    ++exit_codes[run.exit_code];
    ASSERT_TRUE(store.wait_until_gone());
    expect_prefix_of_the_events();
    // Before the first batch there is nothing to go on with: refused, or as it was.
    EXPECT_TRUE(run.exit_code == 0 || run.exit_code == 1) << run.exit_code << run.err;
    if (run.exit_code != 0) {
      EXPECT_EQ(store.apply("all", {"--resume"}).exit_code, 0);
    }
    expect_whole();
  }
  std::printf("seed %u, %u messages\n", seed, messages);
  for (const auto& [code, count] : exit_codes) std::printf("%4d times exit code %d\n", count, code);
}

TEST_F(CutsTest, AServerThatIsStartingUpIsWaitedFor) {
  for (const int refusals : {3, 1000}) {
    BatchPoints points;
    bool cut = false;
    int refused = 0;
    const Outcome run = apply_through(
        [&](const Message& message) {
          if (points.see(message) == BatchPoint::commit_sent && points.batch() == 3 && !cut) {
            cut = true;
            return Verdict::lose_answer;
          }
          return cut && opens_session(message) && refused++ < refusals ? Verdict::refuse : Verdict::pass;
        },
        {"--batch-size", "100", "--retries", "4"});
    ASSERT_TRUE(store.wait_until_gone());
    if (refusals == 3) {
      EXPECT_EQ(run.exit_code, 0) << run.err;
      EXPECT_EQ(run.summary.at("retries"), 4);
    } else {
      EXPECT_EQ(run.exit_code, 2) << run.err;
      EXPECT_NE(run.err.find("the database system is starting up"), std::string::npos) << run.err;
      // The batch whose answer was lost is there, and none is lost or repeated by going on.
      EXPECT_EQ(store.checkpoint("batches, state", "counters"), "3|running");
      expect_prefix_of_the_events();
      EXPECT_EQ(store.apply("all", {"--resume"}).exit_code, 0);
    }
    expect_whole();
  }
}

TEST_F(CutsTest, CommitsThatTheServerHasLostAreNotTakenForDone) {
  // A crash takes the last COMMITs of a session that does not wait for the disk, and the checkpoint is an earlier one.
  for (const char* statement : {"checkpoint_advance", "'synchronous_commit'"}) {
    SCOPED_TRACE(statement);
    BatchPoints points;
    bool crashed = false;
    const Outcome run = apply_through(
        [&](const Message& message) {
          points.see(message);
          if (crashed || points.batch() < 3 || !mentions(message, statement)) return Verdict::pass;
          crashed = true;
          store.database.execute("UPDATE rebuild_projection.rebuild_checkpoints SET position = first_position");
          return Verdict::cut;
        },
        {"--batch-size", "400"});
    EXPECT_TRUE(crashed);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_NE(run.err.find("--resume"), std::string::npos) << run.err;
    EXPECT_EQ(store.checkpoint("state", "counters"), "running");
    ASSERT_TRUE(store.wait_until_gone());
  }
}

TEST_F(CutsTest, WhoHasTakenOverMeanwhileIsLeftAlone) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  BatchPoints points;
  bool cut = false;
  std::unique_ptr<OtherClient> other;  // holds rows that the second run has to wait for
  std::unique_ptr<Program> second;
  const Outcome first = apply_through(
      [&](const Message& message) {
        if (points.see(message) == BatchPoint::commit_sent && points.batch() == 3) {
          cut = true;
          return Verdict::cut;
        }
        if (!cut || second || !opens_session(message)) return Verdict::pass;
        if (store.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
                                 " application_name ^@ 'rebuild_projection/commit'") != "0")
          return Verdict::refuse;  // its lock is not free yet
        other = std::make_unique<OtherClient>(store.database);
        other->execute("SELECT FROM event_rows FOR UPDATE");
        second = std::make_unique<Program>(arguments(store.database.dsn(), {"--fence", "off"}));
        EXPECT_TRUE(store.wait_until_blocked());
        return Verdict::pass;
      },
      {"--batch-size", "100"});
  EXPECT_EQ(first.exit_code, 2) << first.err;
  EXPECT_NE(first.err.find("another rebuild of public."), std::string::npos) << first.err;
  EXPECT_EQ(first.summary.at("batches"), 2);
  ASSERT_TRUE(second);
  other->execute("ROLLBACK");
  EXPECT_EQ(store.result_of(*second).exit_code, 0);
  expect_whole();
}

}  // namespace
}  // namespace rebuild_projection::test

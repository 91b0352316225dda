// Without this file a signal, or a server that went silent, could leave a run that never ends.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <ostream>

#include "stages/postgres/connecting.h"
#include "tests/faults/invariants.h"
#include "tests/support/batch_points.h"

namespace rebuild_projection::test {
namespace {

/// Generous, for a busy machine; what does not end at all is killed then, with exit code 137.
constexpr std::chrono::seconds in_time{20};

using At = std::function<bool(const Message&)>;

struct Phase {
  const char* name;
  std::vector<std::string> arguments;
  At at;
  int refused = 2;  ///< the exit code of a run whose server dies there
};

void PrintTo(const Phase& phase, std::ostream* stream) {
  *stream << phase.name;
}

At statement(const std::string& text) {
  return [text](const Message& message) { return mentions(message, text); };
}

/// One after the first batch.
At later_statement(const std::string& text) {
  return [text, begun = false](const Message& message) mutable {
    begun = begun || mentions(message, "checkpoint_advance");
    return begun && mentions(message, text);
  };
}

At in_batch(int batch, BatchPoint point) {
  return [batch, point, points = BatchPoints()](const Message& message) mutable {
    return points.see(message) == point && points.batch() == batch;
  };
}

const std::vector<std::string> in_place{"--projection", "all", "--mode", "APPLY", "--batch-size", "100"};
const std::vector<std::string> in_shadow{"--projection", "all",    "--mode",       "APPLY",
                                         "--strategy",   "shadow", "--batch-size", "100"};
const std::vector<std::string> verify{"--projection", "all", "--mode", "VERIFY"};
const std::vector<std::string> dry_run{"--projection", "all", "--mode", "DRY_RUN"};

const std::vector<Phase> phases{
    {"Connecting", in_place, opens_session, 1},
    {"SettingUpTheSession", in_place, statement("IntervalStyle"), 1},
    {"Checks", dry_run, statement("pg_attribute"), 1},
    {"Planning", in_place, statement("count(*)"), 1},
    {"Scout", in_place, statement("DECLARE positions")},
    {"Reading", in_place, statement("TO STDOUT")},
    {"ReadingADryRun", dry_run, statement("TO STDOUT")},
    {"Clearing", in_place, statement("DELETE FROM")},
    {"WritingRows", in_place, in_batch(3, BatchPoint::rows_written)},
    {"Committing", in_place, in_batch(3, BatchPoint::commit_sent)},
    {"CommittedWithoutAnAnswer", in_place, in_batch(3, BatchPoint::committed)},
    {"ClosingCount", in_place, later_statement("count(*)")},
    {"ShadowFill", in_shadow, in_batch(3, BatchPoint::commit_sent)},
    {"PublishLock", in_shadow, statement("SHARE ROW EXCLUSIVE")},
    {"PublishCommit", in_shadow,
     [locked = false](const Message& message) mutable {
       locked = locked || mentions(message, "SHARE ROW EXCLUSIVE");
       return locked && is_query(message, "COMMIT");
     }},
    {"VerifyTheTables", verify, statement("FULL JOIN")},
    {"Status", {"--status"}, statement("pg_locks"), 1},
};

class EndsInTime : public testing::TestWithParam<Phase> {
 protected:
  EndsInTime() {
    store.append(1, 1000);
    invariants.store_written();
    store.always = {"--tokens", "4", "--readers", "2", "--workers", "1"};
  }

  /// Runs through a proxy that does `verdict` from the phase's message on, to that connection alone, or to every one.
  Outcome run(Verdict verdict, bool everywhere, const std::vector<std::string>& more,
              const std::function<void(const Program&)>& then) {
    std::atomic<bool> reached = false;
    const Proxy proxy([&, at = GetParam().at](const Message& message) mutable {
      if (reached) return everywhere ? verdict : Verdict::pass;
      if (!at(message)) return Verdict::pass;
      reached = true;
      return verdict;
    });
    std::vector<std::string> arguments{"--dsn", proxy.dsn(store.database.name())};
    arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (GetParam().arguments.front() == "--status") store.always.clear();
    Program program(store.with_places(arguments));
    const auto deadline = std::chrono::steady_clock::now() + 6 * in_time;
    while (!reached && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_TRUE(reached);
    const auto begin = std::chrono::steady_clock::now();
    then(program);
    Outcome outcome{program.wait(in_time), nullptr};
    ended_after = std::chrono::steady_clock::now() - begin;
    return outcome;
  }

  void expect_end(const Outcome& outcome, int exit_code) {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    std::printf("ended after %.2f s\n", ended_after.count());
    EXPECT_EQ(invariants.nothing_left(), "");
    EXPECT_EQ(invariants.prefix(), "");
    EXPECT_EQ(invariants.store_unchanged(), "");
  }

  Recruiting store;
  Invariants invariants{store};
  std::chrono::duration<double> ended_after{};
};

TEST_P(EndsInTime, AfterOneSignalThoughTheServerIsSilent) {
  const Outcome outcome = run(Verdict::silence, true, {}, [](const Program& program) { program.signal(SIGTERM); });
  expect_end(outcome, 3);
}

TEST_P(EndsInTime, AfterOneSignalThoughTheConnectionIsSlow) {
  const Outcome outcome = run(Verdict::dribble, true, {}, [](const Program& program) { program.signal(SIGINT); });
  expect_end(outcome, 3);
}

TEST_P(EndsInTime, WithoutASignalIfTheServerIsDead) {
  const bool everywhere = std::string_view(GetParam().name).size() % 2 == 0;
  const Outcome outcome =
      run(Verdict::silence, everywhere, {"--peer-timeout", "3", "--retries", "0"}, [](const Program&) {});
  expect_end(outcome, GetParam().refused);
  EXPECT_NE(outcome.err.find("--peer-timeout"), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(In, EndsInTime, testing::ValuesIn(phases),
                         [](const auto& test) { return std::string(test.param.name); });

class Waits : public testing::Test {
 protected:
  Waits() {
    store.append(1, 1000);
    store.always = {"--fence", "off", "--batch-size", "100"};
  }

  Recruiting store;
  Invariants invariants{store};
};

TEST_F(Waits, ForALockEndWithOneSignal) {
  struct Case {
    const char* lock;
    std::vector<std::string> arguments;
  };
  ASSERT_EQ(store.apply("all").exit_code, 0);
  for (const auto& [lock, more] : std::vector<Case>{
           {"SELECT FROM event_rows WHERE n = 700 FOR UPDATE", {}},
           {"INSERT INTO event_rows VALUES (gen_random_uuid())", {"--truncate"}},
           {"SELECT FROM rebuild_projection.rebuild_checkpoints FOR UPDATE", {}},
           {"LOCK TABLE event_rows IN ROW EXCLUSIVE MODE", {"--strategy", "shadow", "--discard"}},
       }) {
    SCOPED_TRACE(lock);
    OtherClient other(store.database);
    other.execute(lock);
    std::vector<std::string> arguments{"--projection", "all", "--mode", "APPLY"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Program program(store.with_places(arguments));
    ASSERT_TRUE(store.wait_until_blocked());
    program.signal(SIGTERM);
    const auto begin = std::chrono::steady_clock::now();
    const auto result = program.wait(in_time);
    EXPECT_EQ(result.exit_code, 3) << result.err;
    std::printf("ended after %.2f s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    EXPECT_EQ(invariants.nothing_left(), "");
    other.execute("ROLLBACK");
    EXPECT_EQ(invariants.prefix(), "");
  }
}

TEST_F(Waits, ForWhatTakesLongAreNoDeath) {
  OtherClient other(store.database);
  other.execute("INSERT INTO event_rows VALUES ('" + event_id(500) + "')");
  Program program(
      store.with_places({"--projection", "all", "--mode", "APPLY", "--peer-timeout", "1", "--retries", "0"}));
  ASSERT_TRUE(store.wait_until_blocked());
  std::this_thread::sleep_for(std::chrono::seconds(4));
  other.execute("ROLLBACK");
  const auto result = program.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(invariants.whole(), "");
}

TEST(Connections, AreToldToNoticeDeadPeers) {
  const Database database;
  const Proxy proxy([](const Message&) { return Verdict::pass; }, Proxy::At::port);
  const auto option = [](const RawConnection& connection, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(getsockopt(PQsocket(connection.get()), level, name, &value, &size), 0);
    return value;
  };
  const auto plain = connect_within(proxy.dsn(database.name()), std::chrono::seconds(20), [] { return false; });
  ASSERT_EQ(PQstatus(plain.get()), CONNECTION_OK) << PQerrorMessage(plain.get());
  EXPECT_EQ(option(plain, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(plain, IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
  EXPECT_EQ(option(plain, IPPROTO_TCP, TCP_KEEPIDLE), 10);
  EXPECT_EQ(option(plain, IPPROTO_TCP, TCP_KEEPINTVL) * option(plain, IPPROTO_TCP, TCP_KEEPCNT), 9);
  const auto own = connect_within(proxy.dsn(database.name()) + " keepalives_idle=77 tcp_user_timeout=4321",
                                  std::chrono::seconds(20), [] { return false; });
  EXPECT_EQ(option(own, IPPROTO_TCP, TCP_KEEPIDLE), 77);
  EXPECT_EQ(option(own, IPPROTO_TCP, TCP_USER_TIMEOUT), 4321);
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a server at its limits, or a store that changes under the run, could be met by silence, a hang or
// rows that no events explain.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>

#include "tests/faults/invariants.h"
#include "tests/support/batch_points.h"
#include "tests/support/own_server.h"

namespace rebuild_projection::test {
namespace {

constexpr int events = 1000;

class ServerFaults : public testing::Test {
 protected:
  ServerFaults() {
    store.append(1, events);
    invariants.store_written();
  }

  /// Like this every fault ends a run: exit code and what is said; nothing is left, and a rerun makes it good.
  void expect_end(const Outcome& run, int exit_code, const std::string& said) {
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_TRUE(std::regex_search(run.err, std::regex(said))) << run.err;
    EXPECT_EQ(invariants.nothing_left(), "");
    EXPECT_EQ(invariants.prefix(), "");
    EXPECT_EQ(invariants.store_unchanged(), "");
  }
  void expect_good_after(const std::vector<std::string>& more = {}) {
    const Outcome run = store.apply("all", more);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(invariants.whole(), "");
  }
  /// DRY_RUN goes through the same and writes nothing.
  Outcome dry_run_writes_nothing(const std::vector<std::string>& more) {
    const std::string before = store.everything();
    Outcome run = store.dry_run("all", more);
    EXPECT_EQ(store.everything(), before);
    return run;
  }

  Recruiting store;
  Invariants invariants{store};
};

/// The owner's limits, which are not the program's to change.
TEST_F(ServerFaults, TimeoutsOfTheRoleAreNamed) {
  struct Case {
    const char* setting;
    const char* lock;  ///< what another client holds
    const char* said;
  };
  store.always = {"--fence", "off", "--retries", "1"};
  for (const auto& [setting, lock, said] : std::vector<Case>{
           {"lock_timeout = 100", "SELECT FROM event_rows WHERE n = 700 FOR UPDATE", "lock timeout"},
           {"statement_timeout = 300", "SELECT FROM event_rows WHERE n = 700 FOR UPDATE", "statement timeout"}}) {
    SCOPED_TRACE(setting);
    expect_good_after();
    const Role role(store.database, "hurried");
    store.database.execute("ALTER ROLE " + role.name() + " SUPERUSER; ALTER ROLE " + role.name() + " SET " + setting);
    {
      OtherClient other(store.database);
      other.execute(lock);
      expect_end(store.apply("all", {"--dsn", role.dsn(), "--batch-size", "100"}), 2, said);
    }
    expect_good_after();
    EXPECT_EQ(dry_run_writes_nothing({"--dsn", role.dsn()}).exit_code, 0);
  }
}

/// A session may do nothing for long, in a transaction and outside: neither the role nor the database ends it.
TEST_F(ServerFaults, NoSessionIsEndedForIdling) {
  const Role role(store.database, "hurried");
  store.database.execute("ALTER ROLE " + role.name() + " SUPERUSER; ALTER ROLE " + role.name() +
                         " SET idle_in_transaction_session_timeout = 200; ALTER ROLE " + role.name() +
                         " SET idle_session_timeout = 200");
  bool slept = false;
  BatchPoints points;
  const Proxy proxy([&](const Message& message) {
    if (points.see(message) == BatchPoint::commit_sent && points.batch() == 2 && !slept) {
      slept = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
    }
    return Verdict::pass;
  });
  const Outcome run =
      store.apply("all", {"--dsn", proxy.dsn(store.database.name()) + " user=" + role.name(), "--batch-size", "100"});
  EXPECT_TRUE(slept);
  expect_end(run, 0, "");
  EXPECT_EQ(run.summary["retries"], 0);
  EXPECT_EQ(invariants.whole(), "");
}

TEST_F(ServerFaults, WithoutAConnectionToSpare) {
  const Role role(store.database, "crowded");
  store.database.execute("ALTER ROLE " + role.name() + " CONNECTION LIMIT 2; GRANT ALL ON SCHEMA public TO " +
                         role.name() + "; GRANT ALL ON ALL TABLES IN SCHEMA public TO " + role.name() +
                         "; GRANT CREATE ON DATABASE " + store.database.name() + " TO " + role.name());
  {
    const OtherClient other(store.database, "BEGIN", role.name());
    expect_end(store.apply("all", {"--dsn", role.dsn(), "--fence", "off"}), 1, "too many connections");
    EXPECT_EQ(dry_run_writes_nothing({"--dsn", role.dsn(), "--fence", "off"}).exit_code, 1);
  }
  // Two of four are enough, where readers are not.
  const Outcome run = store.apply("all", {"--dsn", role.dsn(), "--fence", "off", "--retries", "0"});
  EXPECT_TRUE(run.exit_code == 0 || run.exit_code == 2) << run.err;
  EXPECT_EQ(invariants.nothing_left(), "");
  EXPECT_EQ(invariants.prefix(), "");
}

/// Another's function in a CHECK stands for whatever makes a server answer so.
TEST_F(ServerFaults, ASerializationFailureIsTriedAgainAsAWholeBatch) {
  store.database.execute(
      "CREATE SEQUENCE failures; GRANT ALL ON SEQUENCE failures TO PUBLIC;"
      "CREATE FUNCTION fails(n integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
      " IF n = 500 AND nextval('public.failures') <= 3 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;"
      " RETURN true; END $$; ALTER TABLE event_rows ADD CHECK (public.fails(n))");
  const Outcome run = store.apply("all", {"--batch-size", "100"});
  expect_end(run, 0, "trying again");
  EXPECT_EQ(run.summary["retries"], 3);
  EXPECT_EQ(run.summary["batches"], 10);
  EXPECT_EQ(invariants.whole(), "");
  store.database.execute("ALTER SEQUENCE failures RESTART");
  expect_end(store.apply("all", {"--batch-size", "100", "--retries", "2"}), 2, "--retries");
  expect_good_after({"--resume"});
}

TEST_F(ServerFaults, AStoreThatChangesDuringTheRunIsNoSuccess) {
  store.always = {"--fence", "off", "--batch-size", "50"};
  for (const char* change :
       {"DELETE FROM event_store WHERE (payload->>'n')::integer IN (10, 990)", "TRUNCATE event_store",
        "UPDATE event_store SET ts = ts - interval '1 day' WHERE (payload->>'n')::integer = 10"}) {
    SCOPED_TRACE(change);
    BatchPoints points;
    bool changed = false;
    std::jthread changing;
    const Proxy proxy([&](const Message& message) {
      if (points.see(message) == BatchPoint::commit_sent && points.batch() == 5 && !changed) {
        changed = true;
        changing = std::jthread([&] { store.database.execute(change); });  // which may have to wait for a reader
      }
      return Verdict::pass;
    });
    const Outcome run = store.apply("all", {"--dsn", proxy.dsn(store.database.name())});
    if (changing.joinable()) changing.join();
    // Events are told by their number only: VERIFY finds what an UPDATE has made of one.
    const bool updates = std::string(change).starts_with("UPDATE");
    EXPECT_EQ(run.exit_code, updates ? 0 : 2) << run.err;
    if (updates) {
      EXPECT_EQ(store.run({"--projection", "event_rows", "--mode", "VERIFY"}).exit_code, 4);
    }
    EXPECT_EQ(invariants.nothing_left(), "");
    store.database.execute("TRUNCATE event_store");
    store.append(1, events);
    expect_good_after();
  }
}

/// Where the limit lies, memory runs out here or there; what it says then is one thing or another.
TEST_F(ServerFaults, ALimitedAddressSpaceEndsTheRunOrDoesNotMatter) {
  if (std::getenv("ASAN_OPTIONS") != nullptr || std::getenv("TSAN_OPTIONS") != nullptr)
    GTEST_SKIP() << "a sanitizer needs the address space";
  store.append(events + 1, 20'000);
  invariants.store_written();
  int ended_early = 0;
  for (std::size_t mib = 40; mib <= 420; mib += 20) {
    SCOPED_TRACE(std::to_string(mib) + " MiB");
    Program program(store.with_places({"--projection", "all", "--mode", "APPLY", "--batch-size", "5000", "--workers",
                                       "1", "--readers", "1"}),
                    {}, mib << 20U);
    const auto result = program.wait(std::chrono::seconds(60));
    // 127: not even its libraries could be loaded.
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 1 || result.exit_code == 2 || result.exit_code == 127)
        << result.exit_code << result.err;
    if (result.exit_code != 0) {
      ++ended_early;
      EXPECT_NE(result.err, "");
    }
    EXPECT_EQ(invariants.nothing_left(), "");
    EXPECT_EQ(invariants.prefix(), "");
  }
  EXPECT_GT(ended_early, 0);
  EXPECT_EQ(invariants.store_unchanged(), "");
  expect_good_after();
}

/// A file system of two megabytes holds the projections: a loop of the server's own, where root may mount one.
TEST(DiskFull, IsNamedAndMadeGoodWhenThereIsRoom) {
  const OwnServer server;
  Recruiting store;
  store.append(1, 60'000);
  Invariants invariants(store);
  const Folder folder;
  const std::string mounted = folder.path() + "/small";
  std::filesystem::create_directory(mounted);
  if (std::system(("mount -t tmpfs -o size=2m tmpfs " + mounted + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "a small file system cannot be mounted; run the tests as root, outside of a container or in a "
                    "privileged one";
  const auto unmount = [&] { return std::system(("umount -l " + mounted).c_str()); };
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  if (std::system(("chown postgres " + mounted + " 2>/dev/null || chmod 777 " + mounted).c_str()) != 0) {
    unmount();
    GTEST_SKIP() << "the server may not use it";
  }
  OtherClient(store.database, "CREATE TABLESPACE small LOCATION '" + mounted + "'");
  store.database.execute("ALTER TABLE event_rows SET TABLESPACE small");
  const Outcome run = store.apply("all", {"--batch-size", "2000"});
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_NE(run.err.find("No space left on device"), std::string::npos) << run.err;
  EXPECT_EQ(invariants.nothing_left(), "");
  EXPECT_EQ(invariants.prefix(), "");
  EXPECT_GT(run.summary["batches"], 0);
  store.database.execute("ALTER TABLE event_rows SET TABLESPACE pg_default");
  EXPECT_EQ(store.apply("all", {"--resume"}).exit_code, 0);
  EXPECT_EQ(invariants.whole(), "");
  OtherClient(store.database, "DROP TABLESPACE small");
  EXPECT_EQ(unmount(), 0);
}

TEST(BadPassword, IsRefusedWithoutShowingIt) {
  const OwnServer server;
  Recruiting store;
  store.append(1, 10);
  store.database.execute("CREATE ROLE guarded LOGIN PASSWORD 'right_word'");
  const std::string folder = std::getenv("PGHOST");
  const std::string rules = folder + "/data/pg_hba.conf";
  std::ifstream before(rules);
  const std::string rest{std::istreambuf_iterator<char>(before), {}};
  std::ofstream(rules) << "local all guarded scram-sha-256\n" << rest;
  store.database.execute("SELECT pg_reload_conf()");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // until the postmaster has read it
  const std::string everything = store.everything();
  for (const char* mode : {"APPLY", "DRY_RUN"}) {
    Program program(store.with_places({"--projection", "all", "--mode", mode, "--dsn", store.database.dsn("guarded")}),
                    {{"PGPASSWORD", "wrong_word"}});
    const auto result = program.wait();
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_NE(result.err.find("password authentication failed"), std::string::npos) << result.err;
    EXPECT_EQ(result.err.find("wrong_word"), std::string::npos);
  }
  EXPECT_EQ(store.everything(), everything);
}

/// Two that are started together: one runs, the other is refused and names it.
TEST_F(ServerFaults, OfTwoRebuildsStartedTogetherOneRuns) {
  const int pairs = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 100 : 5;
  expect_good_after();
  store.always = {"--fence", "off"};
  for (int pair = 0; pair < pairs; ++pair) {
    SCOPED_TRACE("pair " + std::to_string(pair));
    OtherClient other(store.database);
    other.execute(
        "SELECT FROM event_rows WHERE n = 700 FOR UPDATE");  // so that the one cannot end before the other begins
    const bool shadow = pair % 2 == 1;
    std::vector<std::string> arguments{"--projection", "all", "--mode", "APPLY", "--lock-timeout", "0"};
    if (shadow) arguments.insert(arguments.end(), {"--strategy", "shadow", "--discard"});
    if (shadow) other.execute("LOCK TABLE event_rows IN ROW EXCLUSIVE MODE");
    std::vector<std::unique_ptr<Program>> both;
    for (int one = 0; one < 2; ++one) both.push_back(std::make_unique<Program>(store.with_places(arguments)));
    std::array<Program::Result, 2> results;
    std::array<std::jthread, 2> waiting;
    std::atomic<int> ended = 0;
    for (std::size_t one = 0; one < 2; ++one)
      waiting[one] = std::jthread([&, one] {
        results[one] = both[one]->wait();
        ++ended;
      });
    for (int tries = 0; ended == 0 && tries < 6000; ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(ended, 1);
    other.execute("ROLLBACK");
    for (auto& thread : waiting) thread.join();
    const auto& loser = results[0].exit_code == 1 ? results[0] : results[1];
    const auto& winner = results[0].exit_code == 1 ? results[1] : results[0];
    EXPECT_EQ(winner.exit_code, 0) << winner.err;
    EXPECT_EQ(loser.exit_code, 1) << loser.err;
    EXPECT_NE(loser.err.find("another rebuild of public."), std::string::npos) << loser.err;
    EXPECT_EQ(invariants.whole(), "");
    EXPECT_EQ(invariants.nothing_left(), "");
  }
}

}  // namespace
}  // namespace rebuild_projection::test

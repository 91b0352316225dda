// Without this file Ctrl-C in the middle of a rebuild could leave tables that no prefix of the events explains.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class InterruptTest : public testing::Test {
 protected:
  InterruptTest() {
    store.append(1, events);
    store.always = {"--fence", "off"};
  }

  /// Starts an APPLY of every projection and returns when it waits for a lock that the test holds.
  std::unique_ptr<Program> start_blocked(std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "all", "--mode", "APPLY"});
    auto program = std::make_unique<Program>(store.with_places(more));
    EXPECT_TRUE(store.wait_until_blocked());
    return program;
  }
  /// Another client inserts a row and does not commit: who inserts the same key waits for that client.
  void hold_row_of(std::uint64_t event, OtherClient& other) {
    store.database.execute("DELETE FROM event_rows WHERE event_id = '" + event_id(event) + "'");
    other.execute("INSERT INTO event_rows VALUES ('" + event_id(event) + "')");
  }
  void expect_prefix_of_the_events() {
    for (const char* projection : {"event_rows", "stages", "counters"})
      EXPECT_EQ(store.differing_up_to_checkpoint(projection), "0") << projection;
    // All of them at one position.
    EXPECT_EQ(store.database.value("SELECT count(DISTINCT (position, events, batches)) FROM"
                                   " rebuild_projection.rebuild_checkpoints"),
              "1");
  }
  void expect_whole() {
    for (const char* projection : {"event_rows", "stages", "counters"})
      EXPECT_EQ(store.differing(projection), "0") << projection;
  }
  static bool has_open(int process, const std::string& path) {
    std::error_code gone;
    for (const auto& descriptor : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd", gone))
      if (std::filesystem::read_symlink(descriptor, gone) == path) return true;
    return false;
  }
  /// It sleeps, and has blocked signals, so that they no longer kill it.
  static bool waits(int process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    bool sleeps = false, blocks = false;
    for (std::string line; std::getline(file, line);) {
      sleeps = sleeps || line.starts_with("State:\tS");
      blocks = blocks || (line.starts_with("SigBlk:") && line.find_first_of("123456789abcdef", 8) != std::string::npos);
    }
    return sleeps && blocks;
  }

  static constexpr std::uint64_t events = 1200;
  Recruiting store;
};

TEST_F(InterruptTest, ASignalEndsTheRunAfterTheBatchBeingCommitted) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string uninterrupted = store.database.digest("stages") + store.database.digest("counters");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Outcome run;
    {
      OtherClient other(store.database);
      hold_row_of(500, other);
      const auto program = start_blocked({"--batch-size", "1"});
      EXPECT_EQ(store.database.value("SELECT count(*) FROM event_rows"), "499");
      program->signal(signal);
      other.execute("ROLLBACK");
      run = store.result_of(*program);
    }
    EXPECT_EQ(run.exit_code, 3) << run.err;
    EXPECT_EQ(run.summary["ending"], "cancelled");
    EXPECT_NE(run.out.find("cancelled"), std::string::npos) << run.out;
    expect_prefix_of_the_events();
    EXPECT_EQ(store.checkpoint("last_event_id, events, state", "stages"),
              run.summary["last_event_id"].get<std::string>() + "|" + run.summary["events_read"].dump() + "|running");
    EXPECT_GE(run.summary["events_read"], 500);  // the batch that waited finished
    EXPECT_LT(run.summary["events_read"], events);
  }
  ASSERT_EQ(store.apply("all", {"--batch-size", "100"}).exit_code, 0);
  EXPECT_EQ(store.database.digest("stages") + store.database.digest("counters"), uninterrupted);
  expect_whole();
}

TEST_F(InterruptTest, ASignalDuringTheLastBatchIsNoSuccess) {
  Outcome run;
  {
    OtherClient other(store.database);
    hold_row_of(500, other);
    const auto program = start_blocked({"--batch-size", "5000"});  // the first batch is the last
    program->signal(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // it goes on waiting, which nothing shows
    other.execute("ROLLBACK");
    run = store.result_of(*program);
  }
  EXPECT_EQ(run.exit_code, 3) << run.err;
  expect_whole();                                             // the batch was finished
  EXPECT_EQ(store.checkpoint("state", "stages"), "running");  // and nothing says that the tables are complete
}

TEST_F(InterruptTest, ASecondSignalRollsTheBatchBack) {
  OtherClient other(store.database);
  hold_row_of(500, other);
  const auto program = start_blocked({"--batch-size", "100"});
  // Two different ones: the second of two equal signals is lost while the first is pending.
  program->signal(SIGINT);
  program->signal(SIGTERM);
  const Outcome run = store.result_of(*program);  // while the other client still holds the row
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_EQ(run.summary["events_read"], 400);
  EXPECT_EQ(store.checkpoint("last_event_id, batches", "event_rows"), event_id(400) + "|4");
  expect_prefix_of_the_events();
  EXPECT_TRUE(store.wait_until_gone());
  other.execute("ROLLBACK");
  ASSERT_EQ(store.apply("all", {"--batch-size", "100"}).exit_code, 0);
  expect_whole();
}

TEST_F(InterruptTest, TheOldRowsStayUntilTheFirstBatchIsCommitted) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string before =
      store.database.digest("event_rows") + store.database.digest("stages") + store.database.digest("counters");
  const std::string checkpoints = store.database.digest("rebuild_projection.rebuild_checkpoints");
  OtherClient other(store.database);
  other.execute("SELECT FROM event_rows WHERE n = 700 FOR UPDATE");  // which DELETE has to wait for
  const auto program = start_blocked({"--batch-size", "100"});
  program->signal(SIGTERM);
  program->signal(SIGINT);
  const Outcome run = store.result_of(*program);
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_EQ(run.summary["events_read"], 0);
  EXPECT_EQ(run.summary["batches"], 0);
  EXPECT_EQ(store.database.digest("event_rows") + store.database.digest("stages") + store.database.digest("counters"),
            before);
  EXPECT_EQ(store.database.digest("rebuild_projection.rebuild_checkpoints"), checkpoints);
}

TEST_F(InterruptTest, ASignalEndsTheChecksBeforeTheRun) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  for (const char* table : {"event_store", "event_rows"}) {
    const std::string before = store.everything();
    OtherClient other(store.database);
    other.execute(std::string("LOCK TABLE ") + table + " IN ACCESS EXCLUSIVE MODE");
    const auto program = start_blocked({});
    program->signal(SIGINT);
    const Outcome run = store.result_of(*program);
    EXPECT_EQ(run.exit_code, 3) << table << run.err;
    EXPECT_TRUE(run.summary.is_null());
    other.execute("ROLLBACK");
    EXPECT_EQ(store.everything(), before);
  }
}

TEST_F(InterruptTest, ASignalEndsAReaderThatWaits) {
  const std::string store_file = store.store_that_waits_at(900);
  for (const char* mode : {"DRY_RUN", "APPLY"}) {
    OtherClient other(store.database);
    other.execute("SELECT pg_advisory_lock(42)");
    Program program(
        store.with_places({"--projection", "all", "--mode", mode, "--store", store_file, "--batch-size", "10"}));
    ASSERT_TRUE(store.wait_until_blocked());
    program.signal(SIGTERM);
    const Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, 3) << mode << run.err;
    EXPECT_EQ(run.summary["ending"], "cancelled") << mode;
  }
  expect_prefix_of_the_events();
  ASSERT_EQ(store.apply("all", {"--store", store_file}).exit_code, 0);
  expect_whole();
}

/// A pipe that nobody writes to stands for whatever a program may wait for before it has a connection.
TEST_F(InterruptTest, ASignalEndsTheWaitForAFileThatNeverComes) {
  const Folder folder;
  const std::string never = folder.path() + "/never.toml", entry = store.projections.path() + "/never.toml";
  ASSERT_EQ(mkfifo(never.c_str(), 0600), 0);
  for (const std::vector<std::string>& waiting :
       {std::vector<std::string>{"--projection", "all", "--mode", "DRY_RUN", "--config", never},
        {"--projection", "all", "--mode", "APPLY", "--store", never},
        {"--check", "--store", never},
        {"--status", "--store", never},
        {"--projection", "all", "--mode", "VERIFY", "--projections", folder.path()},
        {"--list", "--projections", folder.path()}}) {
    SCOPED_TRACE(testing::PrintToString(waiting));
    Program program(waiting.front() == "--list" ? waiting : store.with_places(waiting));
    // Only who waits for the pipe can have it open.
    while (!has_open(program.pid(), never)) ASSERT_EQ(poll(nullptr, 0, 5), 0);
    program.signal(SIGTERM);
    const auto run = program.wait();
    EXPECT_EQ(run.exit_code, 3) << run.err;
  }
}

TEST_F(InterruptTest, AThirdSignalEndsAProgramWhoseLogNobodyReads) {
  std::array<int, 2> log{};
  ASSERT_EQ(pipe2(log.data(), O_CLOEXEC | O_NONBLOCK), 0);
  while (write(log[1], "x", 1) > 0) continue;
  ASSERT_EQ(fcntl(log[1], F_SETFL, 0), 0);
  const std::string path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "rebuild_projection";
  const pid_t program = fork();
  if (program == 0) {
    dup2(log[1], STDERR_FILENO);
    execl(path.c_str(), path.c_str(), "--nonsense", nullptr);
    _exit(127);
  }
  while (!waits(program)) poll(nullptr, 0, 5);  // it says what is wrong with its options, and nobody listens
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) kill(program, signal);
  int status = 0;
  waitpid(program, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3) << status;
  close(log[0]);
  close(log[1]);
}

TEST_F(InterruptTest, AKilledProgramLeavesAPrefixOfTheEvents) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  // Somewhere in a run of about a second, and once where it is known that the batch of event 700 is open.
  for (const int after_ms : {30, 80, 150, 250, 400, 600}) {
    Program program(store.with_places({"--projection", "all", "--mode", "APPLY", "--batch-size", "2"}));
    std::this_thread::sleep_for(std::chrono::milliseconds(after_ms));
    program.signal(SIGKILL);
    program.wait();
    ASSERT_TRUE(store.wait_until_gone());
    expect_prefix_of_the_events();
  }
  {
    OtherClient other(store.database);
    hold_row_of(700, other);
    const auto program = start_blocked({"--batch-size", "100"});
    program->signal(SIGKILL);
    program->wait();
    // The server ends the statement of a program that is gone, though the row it waits for is still locked.
    ASSERT_TRUE(store.wait_until_gone());
  }
  EXPECT_EQ(store.checkpoint("last_event_id, batches, state", "event_rows"), event_id(600) + "|6|running");
  expect_prefix_of_the_events();
  ASSERT_EQ(store.apply("all", {"--batch-size", "100"}).exit_code, 0);
  expect_whole();
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a run that was killed could keep the next one away, or a run that is alive could be pushed aside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include <memory>
#include <tuple>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class KilledRuns : public testing::Test {
 protected:
  KilledRuns() {
    store.append(1, 300);
    store.always = {"--fence", "off"};
    EXPECT_EQ(store.apply("all").exit_code, 0);
  }
  /// What a run's session is called that holds the tables' locks; the run waits for a row of `other`.
  std::string name_of(Program&) {
    EXPECT_TRUE(store.wait_until_blocked());
    return store.database.value(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name ^@ 'rebuild_projection/commit'");
  }
  /// The name of a run that was killed, whose sessions are gone.
  std::string name_of_a_dead_run() {
    OtherClient other(store.database, "BEGIN; SELECT FROM event_rows WHERE n = 200 FOR UPDATE");
    Program program(store.with_places({"--projection", "all", "--mode", "APPLY"}));
    const std::string name = name_of(program);
    program.signal(SIGKILL);
    program.wait();
    EXPECT_TRUE(store.wait_until_gone());
    return name;
  }
  static std::string lock_of(const std::string& table) {
    return "SELECT pg_advisory_lock(1919246965, '" + table + "'::regclass::oid::integer)";
  }
  Outcome resume(const std::string& seconds) { return store.apply("all", {"--resume", "--lock-timeout", seconds}); }
  void expect_refused(const Outcome& run, const std::string& said) {
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.err, AllOf(HasSubstr("another rebuild of public.stages is running: server process "),
                               HasSubstr("(--lock-timeout)"), HasSubstr(said)));
  }

  Recruiting store;
};

TEST_F(KilledRuns, LeaveNoSessionThatHoldsTheNextOneUp) {
  const std::string name = name_of_a_dead_run();
  for (const std::string& left :
       {lock_of("stages"), std::string("BEGIN; LOCK TABLE stages IN SHARE ROW EXCLUSIVE MODE")}) {
    OtherClient dead(store.database, "SET application_name = '" + name + "'");
    dead.execute(left);
    const Outcome run = resume("60");
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_THAT(run.err, HasSubstr("its program, process " +
                                   name.substr(name.find(' ') + 1).substr(0, name.find('.') - name.find(' ') - 1) +
                                   " of this machine, has ended"));
    EXPECT_THROW(dead.execute("SELECT 1"), std::exception);
  }
}

/// Sessions of a program that runs, is on another machine, is another role's, or none of this program's.
TEST_F(KilledRuns, OnlyCertainDeathCounts) {
  const std::string dead = name_of_a_dead_run();
  OtherClient other(store.database, "BEGIN; SELECT FROM event_rows WHERE n = 200 FOR UPDATE");
  Program alive(store.with_places({"--projection", "event_rows", "--mode", "APPLY"}));
  const std::string live = name_of(alive);
  const std::string number = live.substr(26, live.find('.') - 26);
  const std::string elsewhere = dead.substr(0, dead.find('@')) + "@0123456789abcdef";
  const Role role(store.database, "stranger");
  for (const auto& [name, owner, said] : {std::tuple(live, std::string(), "for process " + number + " of this machine"),
                                          {elsewhere, "", ""},
                                          {dead, role.name(), ""},
                                          {"rebuild_projection/commit", "", ""},
                                          {"psql", "", ""}}) {
    SCOPED_TRACE(name + " " + owner);
    OtherClient holder(store.database, "SET application_name = '" + name + "'", owner);
    holder.execute(lock_of("stages"));
    expect_refused(store.apply("stages", {"--resume", "--lock-timeout", "1"}), said);
    holder.execute("SELECT 1");  // it was not ended
  }
}

TEST_F(KilledRuns, ARunThatEndsInTimeIsWaitedFor) {
  auto holder = std::make_unique<OtherClient>(store.database, lock_of("stages"));
  Program program(store.with_places({"--projection", "all", "--mode", "APPLY", "--resume", "--lock-timeout", "60"}));
  while (store.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~"
                              " 'pg_sleep' AND pid <> pg_backend_pid()") == "0")
    continue;
  holder.reset();
  const Outcome run = store.result_of(program);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("another rebuild of public.stages has not ended: server process "));
}

TEST_F(KilledRuns, ASignalEndsTheWait) {
  const OtherClient holder(store.database, lock_of("stages"));
  Program program(store.with_places({"--projection", "all", "--mode", "APPLY", "--resume", "--lock-timeout", "60"}));
  while (store.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~"
                              " 'pg_sleep' AND pid <> pg_backend_pid()") == "0")
    continue;
  program.signal(SIGTERM);
  EXPECT_EQ(store.result_of(program).exit_code, 3);
}

}  // namespace
}  // namespace rebuild_projection::test

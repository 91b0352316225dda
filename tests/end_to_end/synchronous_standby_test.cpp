// Without this file a COMMIT that waits for a standby that is gone could look like a program that hangs, and no signal
// could end it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>

#include "tests/end_to_end/shadow_store.h"
#include "tests/support/own_server.h"
#include "tests/support/proxy.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Settings that the server begins with: the test's own sessions wait for nobody.
class Settings {
 public:
  Settings() : path_(folder_.write("settings", "synchronous_commit = local\n")) {}
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Folder folder_;
  std::string path_;
};

class ServerWithoutItsStandby : public Settings {
 protected:
  /// From now on who waits for a standby waits for ever.
  static void lose_the_standby(const Database& database) {
    OtherClient client(database, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    client.execute("SELECT pg_reload_conf()");
    while (client.value("SHOW synchronous_standby_names") != "nobody") continue;
  }
  OwnServer server{path()};
};

class SynchronousStandby : protected ServerWithoutItsStandby, public ShadowStore {
 protected:
  SynchronousStandby() { store.append(1, 300); }

  /// Runs until the program has learnt that a COMMIT waits, which `lost` says began to, and sends a signal.
  Outcome stopped_while_it_waits(std::vector<std::string> arguments, const Proxy::Hook& also) {
    std::atomic<bool> learnt = false;
    const Proxy proxy([&](const Message& message) {
      if (!message.from_client && message.type == 'D' && message.body.find("SyncRep") != std::string_view::npos) {
        learnt = true;
        learnt.notify_all();
      }
      return also(message);
    });
    arguments.insert(arguments.end(),
                     {"--dsn", proxy.dsn(store.database.name()) + " options='-c synchronous_commit=on'"});
    Program program(store.with_places(arguments));
    learnt.wait(false);
    store.database.value("SELECT pg_sleep(0.2)");  // it says so
    program.signal(SIGTERM);
    Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, 3) << run.err;
    EXPECT_THAT(run.err,
                AllOf(HasSubstr("COMMIT waits for a synchronous standby (synchronous_standby_names is nobody)"),
                      HasSubstr("what was committed stays, and the standby may lack it")));
    return run;
  }
};

TEST_F(SynchronousStandby, TheLastCommitSaysThatItWaitsAndAFirstSignalEndsIt) {
  ASSERT_EQ(store.apply("all").exit_code, 0);
  store.database.execute("DELETE FROM stages");
  lose_the_standby(store.database);
  const Outcome run =
      stopped_while_it_waits({"--projection", "all", "--mode", "APPLY"}, [](const auto&) { return Verdict::pass; });
  EXPECT_EQ(run.summary["events_read"], 300);
  EXPECT_EQ(store.differing("stages"), "0");
  EXPECT_EQ(store.checkpoint("events, state", "stages"), "300|complete");
}

TEST_F(SynchronousStandby, WhatIsPublishedByThenIsSaidToBe) {
  bool locked = false;
  const Outcome run = stopped_while_it_waits(arguments("all"), [&](const Message& message) {
    if (!locked && mentions(message, "LOCK TABLE")) lose_the_standby(store.database);
    locked = locked || mentions(message, "LOCK TABLE");
    return Verdict::pass;
  });
  EXPECT_THAT(run.out, HasSubstr("published    up to "));
  expect_published(300);
}

}  // namespace
}  // namespace rebuild_projection::test

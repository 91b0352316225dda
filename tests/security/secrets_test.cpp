// Without this file a password could end in a log that many read, and a connection that was asked to be verified could
// lead to anybody.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/security/secured_server.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class SecuredServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::system("command -v openssl >/dev/null") != 0)
      GTEST_SKIP() << "openssl is missing; tools/packages test installs it";
  }
  static void TearDownTestSuite() { server.reset(); }

  /// Not when the suite begins: what fails there counts as skipped.
  SecuredServerTest() {
    if (server == nullptr) server = std::make_unique<SecuredServer>();
  }

  static std::unique_ptr<SecuredServer> server;
};
std::unique_ptr<SecuredServer> SecuredServerTest::server;

/// A role that must give its password.
class Guarded : public SecuredServerTest {
 protected:
  Guarded() {
    store.append(1, 60);
    store.database.execute("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD $secret$" + secret + "$secret$");
    dsn = server->dsn("right.example") + " user=guarded dbname=" + store.database.name();
  }
  ~Guarded() override { store.database.execute("DROP OWNED BY guarded CASCADE; DROP ROLE guarded"); }

  std::vector<std::string> arguments(const std::string& target) {
    std::vector<std::string> all{"--projection", "all", "--mode", "APPLY", "--log-level", "trace", "--show-values"};
    if (!target.empty()) all.insert(all.end(), {"--dsn", target});
    all = store.with_places(all);
    if (target.empty()) all.erase(all.begin(), all.begin() + 2);  // the harness's --dsn
    return all;
  }
  void expect(int exit_code, const std::string& target, const std::map<std::string, std::string>& environment) {
    Program program(arguments(target), environment);
    const Outcome run = store.result_of(program);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_EQ((run.out + run.err + run.summary.dump()).find(secret), std::string::npos) << run.err;
    if (exit_code != 0) {
      EXPECT_NE(run.err.find("cannot connect to the database"), std::string::npos) << run.err;
    }
  }

  const std::string secret = "s3cr3t Pa55's\\";
  Recruiting store;
  std::string dsn;
};

TEST_F(Guarded, PasswordsGoWhereLibpqTakesThemAndNowhereElse) {
  const auto escaped = [&](const std::string& special) {
    std::string result;
    for (const char c : secret) result += (special.find(c) != std::string::npos ? "\\" : "") + std::string(1, c);
    return result;
  };
  const std::string pgpass = store.results.write("pgpass", "*:*:*:guarded:" + escaped(":\\") + "\n");
  ASSERT_EQ(std::system(("chmod 600 '" + pgpass + "'").c_str()), 0);
  const std::string services = store.results.write(
      "services", "[shop]\nhost=right.example\nhostaddr=127.0.0.1\nuser=guarded\npassword=" + secret + "\n");
  const std::string wrong = store.results.write("wrong", "*:*:*:guarded:not the word\n");
  ASSERT_EQ(std::system(("chmod 600 '" + wrong + "'").c_str()), 0);

  expect(0, dsn, {{"PGPASSWORD", secret}});
  expect(0, dsn, {{"PGPASSFILE", pgpass}});
  expect(0, dsn + " passfile=" + pgpass, {});
  expect(0, "service=shop dbname=" + store.database.name(), {{"PGSERVICEFILE", services}});
  expect(0, "", {{"REBUILD_DSN", dsn + " password='" + escaped("'\\") + "'"}});
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
  expect(1, dsn, {{"PGPASSFILE", "/nonexistent"}});
  expect(1, dsn, {{"PGPASSFILE", wrong}});
  expect(1, dsn, {{"PGPASSWORD", secret + "x"}});
  expect(1, "",
         {{"REBUILD_DSN", dsn + " sslmode=verify-full sslrootcert=/nonexistent password='" + escaped("'\\") + "'"}});
}

/// While it runs, neither the machine's list of processes nor the server's list of sessions shows it.
TEST_F(Guarded, APasswordStandsInNoListOfProcessesOrSessions) {
  const std::string waiting = store.store_that_waits_at(30);
  OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
  std::vector<std::string> all = arguments("");
  all.insert(all.end(), {"--store", waiting, "--fence", "off"});
  Program program(all, {{"REBUILD_DSN", dsn + " password='s3cr3t Pa55\\'s\\\\'"}});
  ASSERT_TRUE(store.wait_until_blocked());
  std::string seen;
  for (const char* file : {"cmdline", "comm", "status"}) {
    std::stringstream text;
    text << std::ifstream("/proc/" + std::to_string(program.pid()) + "/" + file).rdbuf();
    EXPECT_NE(text.str(), "");
    seen += text.str();
  }
  seen += store.database.value("SELECT string_agg(a::text, '') FROM pg_stat_activity a WHERE usename = 'guarded'");
  EXPECT_NE(seen.find("rebuild_projection/read"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("s3cr3t"), std::string::npos) << seen;
  holder.execute("SELECT pg_advisory_unlock_all()");
  EXPECT_EQ(program.wait().exit_code, 0);
}

class Tls : public SecuredServerTest {
 protected:
  Tls() { store.append(1, 10); }
  Outcome run(const std::string& host, const std::string& more) {
    const std::string dsn = server->dsn(host) + " dbname=" + store.database.name() + " user=postgres " + more;
    return store.run({"--projection", "stages", "--mode", "APPLY", "--dsn", dsn, "--source-dsn", dsn});
  }
  Recruiting store;
};

TEST_F(Tls, OfVerifyFullIsHonoured) {
  const std::string verify = "sslmode=verify-full sslrootcert=";
  EXPECT_EQ(run("right.example", verify + server->authority()).exit_code, 0);
  EXPECT_EQ(store.differing("stages"), "0");
  store.database.execute("DELETE FROM stages");
  const auto expect_refused = [&](const std::string& host, const std::string& more, const std::string& reason) {
    const Outcome refused = run(host, more);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_NE(refused.err.find(reason), std::string::npos) << refused.err;
    EXPECT_EQ(store.database.value("SELECT count(*) FROM stages"), "0");
  };
  expect_refused("wrong.example", verify + server->authority(), "wrong.example");
  expect_refused("right.example", verify + server->other_authority(), "certificate verify failed");
  expect_refused("right.example", verify + "/nonexistent", "root certificate file");
  expect_refused("right.example", "sslmode=disable", "no pg_hba.conf entry");  // the server takes TLS only
  // What is not asked for is not done.
  EXPECT_EQ(run("wrong.example", "sslmode=verify-ca sslrootcert=" + server->authority()).exit_code, 0);
  EXPECT_EQ(run("wrong.example", "sslmode=require").exit_code, 0);
}

TEST_F(Tls, IsWhatEverySessionSpeaks) {
  const std::string waiting = store.store_that_waits_at(4);
  OtherClient holder(store.database, "SELECT pg_advisory_lock(42)");
  const std::string dsn = server->dsn("right.example") + " dbname=" + store.database.name() +
                          " user=postgres sslmode=verify-full sslrootcert=" + server->authority();
  Program program(store.with_places(
      {"--projection", "stages", "--mode", "APPLY", "--dsn", dsn, "--store", waiting, "--fence", "off"}));
  ASSERT_TRUE(store.wait_until_blocked());
  EXPECT_EQ(
      store.database.value("SELECT bool_and(ssl) AND count(*) >= 2 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                           " WHERE application_name LIKE 'rebuild_projection/%'"),
      "t");
  holder.execute("SELECT pg_advisory_unlock_all()");
  EXPECT_EQ(program.wait().exit_code, 0);
}

}  // namespace
}  // namespace rebuild_projection::test

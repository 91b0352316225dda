// Without this file a setting of a role, a database or a server could change what texts mean, which rows a session
// sees, or when it ends; and a setting that comes with a new version of PostgreSQL could go unnoticed.
#include "stages/postgres/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/hostile_settings.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection {
namespace {

using test::hostile_settings;
using testing::HasSubstr;
using Access = Session::Access;

class SettingsTest : public testing::Test {
 protected:
  static std::string setting(Session& session, const std::string& name) {
    return session.execute("SELECT coalesce(current_setting($1, true), 'unknown')", {name}).text(0, 0).data();
  }
  static std::string refusal(const std::string& dsn) {
    try {
      Session(dsn, "test", Access::read_write);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }
  test::Database database;
};

TEST_F(SettingsTest, OfEverySessionAreTheProgramsWhateverTheDatabaseSays) {
  database.make_hostile();
  for (const Access access : {Access::read_only, Access::read_write}) {
    Session session(database.dsn(), "test", access);
    for (const auto& [name, value, pinned_to] : hostile_settings()) {
      if (!pinned_to) continue;
      const std::string now = setting(session, name);
      if (now == "unknown") continue;
      EXPECT_EQ(now, *pinned_to) << name;
    }
    EXPECT_EQ(setting(session, "default_transaction_read_only"), access == Access::read_only ? "on" : "off");
  }
}

TEST_F(SettingsTest, ThatAUserMayChangeArePinnedOrLeftOnPurpose) {
  std::set<std::string> decided{"statement_timeout", "lock_timeout", "default_transaction_read_only"};
  for (const auto& one : hostile_settings()) decided.insert(one.name);
  if (database.value("SELECT current_setting('server_version_num')::integer < 180000") != "t")
    GTEST_SKIP() << "this server is newer than what was decided upon";
  for (const std::string& name : database.rows("SELECT name FROM pg_settings WHERE context = 'user' ORDER BY name"))
    EXPECT_TRUE(decided.contains(name)) << name << " was not decided upon";

  std::set<std::string> pinned;  // each by its test above, or by one below
  for (const auto& one : hostile_settings())
    if (one.pinned_to) pinned.insert(one.name);
  for (const char* name : {"default_transaction_read_only", "synchronous_commit", "session_replication_role",
                           "zero_damaged_pages", "ignore_checksum_failure"})
    pinned.insert(name);
  std::set<std::string> listed;
  for (const PinnedSetting& one : pinned_settings()) listed.emplace(one.name);
  EXPECT_EQ(listed, pinned);
}

TEST_F(SettingsTest, ArePinnedAgainAfterOthersWereSetForAWhile) {
  database.execute("ALTER DATABASE " + database.name() + " SET enable_hashjoin = off; ALTER DATABASE " +
                   database.name() + " SET synchronous_commit = off");
  Session session(database.dsn(), "test", Access::read_write);
  EXPECT_EQ(setting(session, "synchronous_commit"), "local");  // it waits for this server's disk
  session.execute("SET synchronous_commit = off; SET enable_hashjoin = off");
  session.execute(pin_again({"enable_hashjoin", "synchronous_commit"}));
  EXPECT_EQ(setting(session, "enable_hashjoin"), "on");
  EXPECT_EQ(setting(session, "synchronous_commit"), "local");

  database.execute("ALTER DATABASE " + database.name() + " SET synchronous_commit = remote_write");
  Session waits(database.dsn(), "test", Access::read_write);
  EXPECT_EQ(setting(waits, "synchronous_commit"), "remote_write");  // that is the owner's choice
}

TEST_F(SettingsTest, ThatTheRoleMayNotChangeArePinnedOrRefused) {
  for (const auto& [name, value, why] : {std::tuple("session_replication_role", "replica", "foreign keys"),
                                         std::tuple("zero_damaged_pages", "on", "damaged pages"),
                                         std::tuple("ignore_checksum_failure", "on", "damaged pages")}) {
    const test::Role role(database, "bound");
    database.execute("ALTER ROLE " + role.name() + " SET " + name + " = " + value);
    const std::string said = refusal(role.dsn());
    EXPECT_THAT(said, HasSubstr(std::string(name) + " is " + value + ", so "));
    EXPECT_THAT(said, HasSubstr(why));
    database.execute("GRANT SET ON PARAMETER " + std::string(name) + " TO " + role.name());
    EXPECT_EQ(refusal(role.dsn()), "");
    database.execute("REVOKE SET ON PARAMETER " + std::string(name) + " FROM " + role.name());
  }
}

}  // namespace
}  // namespace rebuild_projection

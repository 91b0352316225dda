// Without this file a run that can only read could begin, and end half way; and checkpoints could be kept where they do
// not last.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ReadOnly : public testing::Test {
 protected:
  ReadOnly() {
    store.append(1, 30);
    EXPECT_EQ(store.apply("all").exit_code, 0);
    store.database.execute(
        "GRANT SELECT ON event_store TO PUBLIC; GRANT ALL ON event_rows, stages, counters TO PUBLIC;"
        "GRANT CREATE, TEMPORARY ON DATABASE " +
        store.database.name() +
        " TO PUBLIC;"
        "GRANT ALL ON SCHEMA rebuild_projection TO PUBLIC;"
        "GRANT ALL ON ALL TABLES IN SCHEMA rebuild_projection TO PUBLIC");
  }
  /// What would write is refused, what reads is not.
  void expect_only_reading(const std::vector<std::string>& more, const std::string& remedy) {
    const std::string before = store.everything();
    for (std::vector<std::string> command : {std::vector<std::string>{"--projection", "all", "--mode", "DRY_RUN"},
                                             {"--projection", "all", "--mode", "APPLY"},
                                             {"--projection", "all", "--mode", "APPLY", "--resume"},
                                             {"--projection", "all", "--mode", "APPLY", "--strategy", "shadow"},
                                             {"--projection", "stages", "--undo-publish"},
                                             {"--check"}}) {
      SCOPED_TRACE(testing::PrintToString(command));
      command.insert(command.end(), more.begin(), more.end());
      const Outcome run = store.run(command);
      EXPECT_EQ(run.exit_code, 1);
      EXPECT_THAT(run.err, AllOf(HasSubstr("default_transaction_read_only"), HasSubstr(remedy)));
    }
    for (std::vector<std::string> command : {std::vector<std::string>{"--projection", "all", "--mode", "VERIFY"},
                                             {"--projection", "stages", "--explain-row", "1"},
                                             {"--status"},
                                             {"--init", "stages"}}) {
      SCOPED_TRACE(testing::PrintToString(command));
      command.insert(command.end(), more.begin(), more.end());
      const Outcome run = store.run(command);
      EXPECT_EQ(run.exit_code, 0) << run.err;
    }
    EXPECT_EQ(store.everything(), before);
  }

  Recruiting store;
};

TEST_F(ReadOnly, IsSaidBeforeARunWithTheRemedy) {
  const std::string database = store.database.name();
  const Role role(store.database, "reads");
  for (const std::string& whose : {"ROLE " + role.name(), "ROLE " + role.name() + " IN DATABASE " + database}) {
    store.database.execute("ALTER " + whose + " SET default_transaction_read_only = true");
    const std::string remedy = "ALTER " + whose + " RESET default_transaction_read_only;";
    expect_only_reading({"--dsn", role.dsn()}, remedy);
    store.database.execute(remedy);
  }
  expect_only_reading({"--dsn", role.dsn() + " options='-c default_transaction_read_only=on'"},
                      "take that out of PGOPTIONS, the connection string's options");
  store.database.execute("ALTER DATABASE " + database + " SET default_transaction_read_only = on");
  expect_only_reading({}, "ALTER DATABASE " + database + " RESET default_transaction_read_only;");
}

TEST_F(ReadOnly, CheckpointsAreKeptInNoSchemaOfTheServers) {
  const std::string before = store.everything();
  for (const char* schema : {"pg_temp", "pg_temp_3", "pg_catalog", "pg_toast", "information_schema", "pg_mine", ""})
    for (std::vector<std::string> command : {std::vector<std::string>{"--projection", "all", "--mode", "APPLY"},
                                             {"--projection", "all", "--mode", "APPLY", "--strategy", "shadow"},
                                             {"--projection", "all", "--mode", "DRY_RUN"},
                                             {"--projection", "stages", "--undo-publish"},
                                             {"--check"},
                                             {"--status"}}) {
      SCOPED_TRACE(schema + testing::PrintToString(command));
      command.insert(command.end(), {"--meta-schema", schema});
      const Outcome run = store.run(command);
      EXPECT_EQ(run.exit_code, 1);
      EXPECT_THAT(run.err, HasSubstr("--meta-schema"));
    }
  EXPECT_EQ(store.everything(), before);
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file a run that is refused behind a pooler could leave its settings in a session that serves an
// application next.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/proxy.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PoolerTest, IsRefusedByEveryCommandBeforeAnythingIsSet) {
  Recruiting store;
  store.append(1, 30);
  ASSERT_EQ(store.apply("all").exit_code, 0);
  const std::string before = store.everything();
  const std::vector<std::vector<std::string>> commands{
      {"--projection", "all", "--mode", "DRY_RUN"},
      {"--projection", "all", "--mode", "APPLY"},
      {"--projection", "all", "--mode", "APPLY", "--resume"},
      {"--projection", "all", "--mode", "APPLY", "--strategy", "shadow"},
      {"--projection", "all", "--mode", "VERIFY"},
      {"--check"},
      {"--status"},
      {"--projection", "stages", "--explain-row", "1"},
      {"--projection", "stages", "--undo-publish"},
      {"--init", "stages"},
  };
  for (std::vector<std::string> command : commands) {
    SCOPED_TRACE(testing::PrintToString(command));
    std::set<std::string> asked;
    Outcome run;
    {
      const Proxy pooler([&](const Message& message) {
        if (message.from_client && (message.type == 'Q' || message.type == 'P')) asked.emplace(message.body.data());
        return message.type == 'K' ? Verdict::disguise : Verdict::pass;
      });
      command.insert(command.end(), {"--dsn", pooler.dsn(store.database.name())});
      run = store.run(command);
    }
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.err, HasSubstr("goes through a pooler"));
    // SET TRANSACTION ends with the one transaction that a message is.
    EXPECT_THAT(asked, ElementsAre("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
                                   "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('search_path')"));
  }
  EXPECT_EQ(store.everything(), before);
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file one event that the server refuses could take its neighbours with it, or be lost without a name.
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

/// What is wrong with one event, and what the message must name.
struct Refusal {
  const char* column;
  const char* value;            ///< JSON
  const char* named;            ///< the column, or else the constraint
  const char* secret;           ///< what only --show-values may print; "" where the value is not a text of its own
  bool in_the_servers_message;  ///< which --show-values adds
};
void PrintTo(const Refusal& refusal, std::ostream* stream) {
  *stream << refusal.column << " = " << refusal.value;
}

class RefusedDataTest : public testing::TestWithParam<Refusal> {
 protected:
  RefusedDataTest() {
    store.database.execute(
        "CREATE TABLE strict (id text PRIMARY KEY, u uuid, short varchar(5), money numeric(4, 1), small smallint,"
        " must text NOT NULL DEFAULT 'x', positive integer CONSTRAINT is_positive CHECK (positive > 0),"
        " single text CONSTRAINT only_one UNIQUE, day date, flag boolean)");
    store.projections.write("strict.toml",
                            "name = \"strict\"\ntable = \"strict\"\nkey = [\"id\"]\n[[on]]\nevent = \"filled\"\n"
                            "key = { id = \"@event_id\" }\n"
                            "set = { u = \"/u\", short = \"/short\", money = \"/money\", small = \"/small\","
                            " must = \"/must\", positive = \"/positive\", single = \"/single\", day = \"/day\","
                            " flag = \"/flag\" }\n");
    for (std::uint64_t event = 1; event <= 12; ++event)
      store.database.append(event, event, "filled", "",
                            R"({"positive": 1, "single": "s)" + std::to_string(event) + "\"}");
    store.database.execute("UPDATE event_store SET payload = payload || '{\"" + std::string(GetParam().column) +
                           "\": " + GetParam().value + "}' WHERE event_id = '" + event_id(6) + "'");
  }
  std::string numbers() {
    return store.database.value(
        "SELECT coalesce(string_agg((('x' || right(id, 8))::bit(32)::integer)::text, ' ' ORDER BY id), '') FROM"
        " strict");
  }
  Recruiting store;
};

TEST_P(RefusedDataTest, IsNamedAndTakesNothingWithItButItsBatch) {
  const Outcome run = store.apply("strict", {"--batch-size", "4"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.err.find(event_id(6)), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("projection strict"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find(GetParam().named), std::string::npos) << run.err;
  if (*GetParam().secret != '\0') {
    EXPECT_EQ((run.err + run.out + run.summary.dump()).find(GetParam().secret), std::string::npos) << run.err;
    const std::string shown = store.apply("strict", {"--show-values"}).err;
    EXPECT_EQ(shown.find(GetParam().secret) != std::string::npos, GetParam().in_the_servers_message) << shown;
    ASSERT_EQ(store.apply("strict", {"--batch-size", "4"}).exit_code, 2);
  }
  EXPECT_EQ(numbers(), "1 2 3 4");
  EXPECT_EQ(store.checkpoint("last_event_id, batches", "strict"), event_id(4) + "|1");
}

TEST_P(RefusedDataTest, IsLeftOutAloneWithSkip) {
  for (const char* batch : {"1", "4", "200"}) {
    const Outcome run = store.apply("strict", {"--on-error", "skip", "--batch-size", batch});
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_EQ(numbers(), "1 2 3 4 5 7 8 9 10 11 12") << batch;
    EXPECT_EQ(run.projection("strict")["skipped"], 1);
    EXPECT_EQ(run.projection("strict")["applied"], 11);
    EXPECT_EQ(run.projection("strict")["rows_written"], 11);
    const auto letters = store.database.rows("SELECT event_id, error FROM rebuild_projection.rebuild_dead_letters");
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_TRUE(letters[0].starts_with(event_id(6)));
    EXPECT_NE(letters[0].find(GetParam().named), std::string::npos) << letters[0];
    if (*GetParam().secret != '\0') {
      EXPECT_EQ(letters[0].find(GetParam().secret), std::string::npos) << letters[0];
    }
    EXPECT_EQ(store.checkpoint("last_event_id, events, state", "strict"), event_id(12) + "|12|complete");
  }
}

INSTANTIATE_TEST_SUITE_P(Values, RefusedDataTest,
                         testing::Values(Refusal{"u", R"("no-uuid-at-all")", "\"u\"", "no-uuid-at-all", true},
                                         Refusal{"short", R"("longer than five")", "\"short\"", "longer than", false},
                                         Refusal{"money", "1234567.8", "\"money\"", "1234567", false},
                                         Refusal{"small", "70707", "\"small\"", "70707", true},
                                         Refusal{"must", "null", "\"must\"", "", false},
                                         Refusal{"positive", "-31337", "is_positive", "", false},
                                         Refusal{"single", R"("s2")", "only_one", "", false},
                                         Refusal{"day", R"("the 31st of never")", "\"day\"", "of never", true},
                                         Refusal{"flag", R"("perhaps-so")", "\"flag\"", "perhaps-so", true}));

/// A value that a later event of the batch mends harms nobody: constraints are judged on the rows at a batch's end.
TEST(RefusedDataOfABatchTest, IsJudgedAtTheEndOfTheBatch) {
  Recruiting store;
  store.database.execute("CREATE TABLE judged (id text PRIMARY KEY, n integer CHECK (n > 0))");
  store.projections.write("judged.toml",
                          "name = \"judged\"\ntable = \"judged\"\nkey = [\"id\"]\n[[on]]\nevent = \"*\"\n"
                          "key = { id = \"@stream_id\" }\nset = { n = \"/n\" }\n");
  store.database.append(1, 1, "set", "a", R"({"n": -1})");
  store.database.append(2, 2, "set", "a", R"({"n": 1})");
  store.database.append(3, 3, "set", "b", R"({"n": 2})");
  EXPECT_EQ(store.apply("judged").exit_code, 0);
  EXPECT_EQ(store.apply("judged", {"--batch-size", "1"}).exit_code, 2);
  EXPECT_EQ(store.apply("judged", {"--batch-size", "1", "--on-error", "skip"}).exit_code, 2);
  EXPECT_EQ(store.database.rows("SELECT id, n FROM judged ORDER BY id"), (std::vector<std::string>{"a|1", "b|2"}));
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this file the SQL of the runbook in tools/production.md could hand the application a wrong position.
#include <gtest/gtest.h>

#include "tests/support/page.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

const std::string tools = REBUILD_PROJECTION_TOOLS_DIR;

class RunbookTest : public testing::Test {
 protected:
  RunbookTest() {
    database.create_event_store();
    std::string tables;
    for (const std::string& line : lines_of(tools + "/projections/tables.sql")) tables += line + "\n";
    database.execute(tables);
    database.execute(sql("Runbook: in place", 0) + "INSERT INTO projector_cursors VALUES ('another')");
    append(1, 50);
  }
  void append(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t number = first; number <= last; ++number)  // three events share each second
      database.append(number, number / 3, "candidate.created", event_id(number), R"({"full_name": "A"})");
  }
  int apply(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--projection", "candidate_summary", "--mode", "APPLY", "--projections",
                               tools + "/projections", "--dsn", database.dsn()});
    return Program::run(more).exit_code;
  }
  /// The n-th SQL block below the heading.
  static std::string sql(const std::string& heading, std::size_t n = 0) {
    std::vector<std::string> found;
    for (const CodeBlock& block : code_blocks(tools + "/production.md"))
      if (block.heading == heading && block.language == "sql") found.push_back(block.text);
    return found.at(n);
  }
  std::string cursor() {
    return database.value("SELECT coalesce(string_agg(event_id::text, ' '), '') FROM projector_cursors");
  }
  Database database;
};

TEST_F(RunbookTest, ThePositionIsHandedToTheLiveProjector) {
  ASSERT_EQ(apply(), 0);
  append(51, 53);
  database.execute(sql("Runbook: in place", 1));
  EXPECT_EQ(cursor(), event_id(50));
  EXPECT_EQ(database.rows("SELECT e.event_id FROM event_store e, projector_cursors c WHERE c.projector ="
                          " 'candidate_summary' AND (e.ts, e.event_id) > (c.ts, c.event_id) ORDER BY e.ts, e.event_id"),
            (std::vector<std::string>{event_id(51), event_id(52), event_id(53)}));
}

TEST_F(RunbookTest, NotAfterARunThatIsIncomplete) {
  ASSERT_EQ(apply({"--max-events", "20"}), 0);
  database.execute(sql("Runbook: in place", 1));
  EXPECT_EQ(cursor(), "");
}

TEST_F(RunbookTest, TheCheckAfterwards) {
  ASSERT_EQ(apply(), 0);
  EXPECT_EQ(database.rows(sql("Runbook: in place", 2)),
            (std::vector<std::string>{"candidate_summary|complete|50|2025-01-01 00:00:16+00|0"}));
}

TEST_F(RunbookTest, WhoWaitsForWhom) {
  ASSERT_EQ(apply(), 0);
  OtherClient other(database);
  const std::string pid = other.value("SELECT pg_backend_pid()");
  other.execute("SELECT FROM candidate_summary FOR UPDATE");
  Program program({"--projection", "candidate_summary", "--mode", "APPLY", "--projections", tools + "/projections",
                   "--dsn", database.dsn(), "--fence", "off"});
  const auto waits = [&] {
    return database.value("SELECT count(*) FROM (" + sql("Locks").substr(0, sql("Locks").rfind(';')) +
                          ") AS w WHERE application_name ^@ 'rebuild_projection/commit' AND waits_for = ARRAY[" + pid +
                          "]");
  };
  for (int attempt = 0; attempt < 600 && waits() != "1"; ++attempt) other.value("SELECT pg_sleep(0.05)");
  EXPECT_EQ(waits(), "1");
  other.execute("ROLLBACK");
  EXPECT_EQ(program.wait().exit_code, 0);
}

}  // namespace
}  // namespace rebuild_projection::test

// Without this the examples that --help shows, and the projections shipped, could fail on the store of the demo.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/support/database.h"
#include "tests/support/program.h"

namespace rebuild_projection {
namespace {

using test::Database;
using test::Program;

/// The demo's store, smaller, and the tables of the projections shipped.
void fill(const Database& database) {
  const std::string folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string psql = "psql -qX -v ON_ERROR_STOP=1 -d " + database.name();
  const std::string tools = REBUILD_PROJECTION_TOOLS_DIR;
  const std::string commands = psql + " -f '" + tools + "/event_store.sql' -f '" + tools +
                               "/projections/tables.sql' && '" + folder + "/generate_events' --events 20000 | " + psql +
                               " -c '\\copy event_store from stdin'";
  ASSERT_EQ(std::system(commands.c_str()), 0);
}

/// The words of each example of --help, without the program's name.
std::vector<std::vector<std::string>> examples_of_help() {
  std::vector<std::vector<std::string>> examples;
  std::istringstream help(Program::run({"--help"}).out);
  for (std::string line; std::getline(help, line);) {
    std::istringstream words(line);
    std::vector<std::string> example;
    for (std::string word; words >> word;) {
      std::erase(word, '"');
      example.push_back(word);
    }
    if (example.size() < 4 || example[0] != "rebuild_projection" || example[1] != "--projection") continue;
    example.erase(example.begin());
    examples.push_back(std::move(example));
  }
  return examples;
}

TEST(Examples, OfTheHelpExitZeroOnTheDemoStore) {
  Database database;
  fill(database);
  const auto examples = examples_of_help();
  ASSERT_EQ(examples.size(), 5U);
  for (std::vector<std::string> arguments : examples) {
    arguments.insert(arguments.end(),
                     {"--dsn", database.dsn(), "--projections", REBUILD_PROJECTION_TOOLS_DIR "/projections"});
    const auto result = Program::run(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[1] << " " << arguments[3] << "\n" << result.err;
  }
}

TEST(Examples, ShippedProjectionsHoldWhatTheEventsSay) {
  Database database;
  fill(database);
  for (const char* folder : {"/projections", "/projections/counters"})
    EXPECT_EQ(Program::run({"--projection", "all", "--mode", "APPLY", "--dsn", database.dsn(), "--projections",
                            std::string(REBUILD_PROJECTION_TOOLS_DIR) + folder})
                  .exit_code,
              0);
  // A candidate's stage: the last of what creation and changes say, unless an erasure came later.
  EXPECT_EQ(
      database.value(
          "WITH last AS (SELECT DISTINCT ON (aggregate_id) aggregate_id, event_type, payload->>'stage' AS stage"
          "  FROM event_store WHERE event_type IN ('candidate.created', 'candidate.stage_changed', 'candidate.erased')"
          "  ORDER BY aggregate_id, ts DESC, event_id DESC)"
          " SELECT count(*) FILTER (WHERE c.candidate_id IS NULL OR c.stage IS DISTINCT FROM"
          "   CASE event_type WHEN 'candidate.created' THEN 'sourced' ELSE l.stage END)"
          " FROM last l LEFT JOIN candidate_summary c ON c.candidate_id = l.aggregate_id"
          " WHERE l.event_type <> 'candidate.erased'"),
      "0");
  EXPECT_EQ(database.value("SELECT count(*) > 500 FROM candidate_summary"), "t");
  EXPECT_EQ(
      database.value("WITH want AS (SELECT DISTINCT ON (aggregate_id) aggregate_id, substr(event_type, 6) AS status "
                     "FROM event_store"
                     "  WHERE event_type IN ('lead.created', 'lead.qualified', 'lead.converted', 'lead.lost')"
                     "  ORDER BY aggregate_id, ts DESC, event_id DESC)"
                     " SELECT count(*) FILTER (WHERE l.status IS DISTINCT FROM replace(want.status, 'created', 'new'))"
                     " FROM want FULL JOIN lead_summary l ON l.lead_id = want.aggregate_id"),
      "0");
  EXPECT_EQ(
      database.value(
          "WITH want AS (SELECT (m->>'user_id') AS id, count(*) AS interviews, sum((payload->>'minutes')::numeric) AS "
          "minutes"
          "  FROM event_store, jsonb_array_elements(payload->'panel') m WHERE event_type = 'interview.held' GROUP BY 1)"
          " SELECT count(*) FILTER (WHERE r.interviews IS DISTINCT FROM want.interviews OR r.minutes <> want.minutes)"
          " FROM want LEFT JOIN recruiter_activity r ON r.recruiter_id::text = want.id"),
      "0");
}

}  // namespace
}  // namespace rebuild_projection

// Without this file the rights that tools/production.md asks for could be too few or too many, and a missing one could
// end a run half way.
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>

#include "tests/support/page.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

const std::string tools = REBUILD_PROJECTION_TOOLS_DIR;

/// The demo's store and tables, and the page's two roles under names of their own.
class GrantsTest : public testing::Test {
 protected:
  GrantsTest() {
    database.create_event_store();
    std::string tables;
    for (const std::string& line : lines_of(tools + "/projections/tables.sql")) tables += line + "\n";
    database.execute(tables + "REVOKE ALL ON SCHEMA public FROM PUBLIC");
    for (std::uint64_t number = 1; number <= 20; ++number)
      database.append(number, number, "lead.created", event_id(number), R"({"company": "A"})");
    for (const CodeBlock& block : code_blocks(tools + "/production.md"))
      if (block.heading == "Rights" && block.text.starts_with("CREATE ROLE")) database.execute(with_names(block.text));
  }
  /// SQL with the test's roles, in place of the page's.
  std::string with_names(std::string sql) {
    for (const auto& [name, own] : {std::pair{"rebuild_reader", reader.name()}, {"rebuild_writer", writer.name()}})
      sql = std::regex_replace(sql, std::regex(name), own);
    return std::regex_replace(sql, std::regex("CREATE ROLE[^;]*;"), "");
  }
  Program::Result run(const std::string& mode, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--projection", "all", "--mode", mode, "--projections", tools + "/projections", "--dsn",
                               writer.dsn(), "--source-dsn", reader.dsn()});
    return Program::run(more);
  }
  /// tools/roles.sql as `owner`, for two roles.
  int run_script(const std::string& owner, const Role& script_reader, const Role& script_writer) {
    const std::string command = "PGOPTIONS='-c exit_on_error=off' psql -qX '" + database.dsn(owner) +
                                "' -v reader=" + script_reader.name() + " -v writer=" + script_writer.name() +
                                " -v truncate=on -v tables='public.candidate_summary, public.lead_summary' -f '" +
                                tools + "/roles.sql' 2>'" + said.path() + "/script'";
    const int status = std::system(command.c_str());
    return WEXITSTATUS(status);
  }
  std::string rows() {
    return database.value(
        "SELECT (SELECT count(*) FROM lead_summary) || ' ' || (SELECT md5(coalesce(string_agg("
        "(t.*)::text || xmin, ''), '')) FROM lead_summary t)");
  }
  /// After `revoke` both modes are refused with the SQL that gives the right back.
  void expect_missed(const std::string& revoke, const std::string& sql, const std::vector<std::string>& more = {}) {
    database.execute(with_names(revoke));
    const std::string before = rows();
    std::smatch must_run;
    for (const char* mode : {"DRY_RUN", "APPLY"}) {
      const Program::Result refused = run(mode, more);
      EXPECT_EQ(refused.exit_code, 1) << revoke << "\n" << refused.err;
      EXPECT_EQ(refused.out, "");
      const std::regex message("must run: (.*)\n");
      ASSERT_TRUE(std::regex_search(refused.err, must_run, message)) << revoke << "\n" << refused.err;
      const std::string wanted = with_names(sql);
      EXPECT_TRUE(std::regex_match(must_run[1].str(), std::regex(wanted))) << wanted << "\n" << must_run[1];
      if (mode == std::string("APPLY")) database.execute(must_run[1]);
    }
    EXPECT_EQ(rows(), before);
    const Program::Result granted = run("APPLY", more);
    EXPECT_EQ(granted.exit_code, 0) << revoke << "\n" << granted.err;
  }

  Database database;
  const Folder said;  ///< what the script said
  Role reader{database, "reader"};
  Role writer{database, "writer"};
};

TEST_F(GrantsTest, ThePagesRightsSuffice) {
  for (const char* mode : {"DRY_RUN", "APPLY", "APPLY"}) {  // the second APPLY finds the tables of checkpoints
    const Program::Result result = run(mode);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  const Program::Result truncated = run("APPLY", {"--truncate"});
  EXPECT_EQ(truncated.exit_code, 0) << truncated.err;
  EXPECT_EQ(database.value("SELECT count(*) FROM lead_summary"), "20");
  // Not the owner: the statement for the owner, as a warning.
  EXPECT_NE(truncated.err.find("ANALYZE \"public\".\"lead_summary\";"), std::string::npos) << truncated.err;
}

/// Twice, since it is run again when a projection is added.
TEST_F(GrantsTest, TheScriptGivesThePagesRightsAndNoOthers) {
  Role script_reader{database, "script_reader"}, script_writer{database, "script_writer"};
  database.execute("ALTER SCHEMA rebuild_projection RENAME TO of_the_page");
  ASSERT_EQ(run_script("", script_reader, script_writer), 0);
  ASSERT_EQ(run_script("", script_reader, script_writer), 0);
  const auto rights_of = [&](const Role& role, const std::string& schema) {
    return database.rows(
        "SELECT what, privilege_type FROM (SELECT relname::text, relacl FROM pg_class UNION ALL SELECT nspname::text,"
        " nspacl FROM pg_namespace) AS all_of(what, acl), aclexplode(acl) JOIN pg_roles r ON r.oid = grantee WHERE "
        "rolname = '" +
        role.name() + "' UNION ALL SELECT 'owns', CASE nspname WHEN '" + schema +
        "' THEN 'checkpoints' ELSE nspname END FROM pg_namespace WHERE pg_get_userbyid(nspowner) = '" + role.name() +
        "' ORDER BY 1, 2");
  };
  EXPECT_EQ(rights_of(script_reader, ""), rights_of(reader, ""));
  EXPECT_EQ(rights_of(script_writer, "rebuild_projection"), rights_of(writer, "of_the_page"));
  EXPECT_EQ(
      database.value("SELECT has_database_privilege('" + script_writer.name() + "', current_database(), 'TEMPORARY')"),
      "t");
}

/// Whoever owns schema and tables of checkpoints: where the script succeeds, the program runs; otherwise the script
/// names the owner and the statements, has given nothing, and succeeds once they have run.
TEST_F(GrantsTest, WhereTheScriptSucceedsTheProgramRuns) {
  Role owner{database, "owner"}, other{database, "other"};
  const std::string of_owner = "ALTER SCHEMA rebuild_projection OWNER TO " + owner.name();
  const std::string of_other = "ALTER SCHEMA rebuild_projection OWNER TO " + other.name();
  const std::string tables_of_other = "REASSIGN OWNED BY " + writer.name() + " TO " + other.name();
  database.execute("ALTER DATABASE " + database.name() + " OWNER TO " + owner.name());
  for (const char* table : {"event_store", "candidate_summary", "lead_summary"})
    database.execute("ALTER TABLE " + std::string(table) + " OWNER TO " + owner.name());
  database.execute("ALTER TABLE lead_summary SET UNLOGGED");  // which has a table of checkpoints of its own
  struct State {
    std::string before;     ///< after a run of another writer
    std::size_t missing{};  ///< how many statements the script wants of `other`
    bool by_superuser{};    ///< who runs the script, in place of `owner`
  };
  const State states[]{
      {.before = "DROP SCHEMA rebuild_projection CASCADE"},
      {.before = "DROP SCHEMA rebuild_projection CASCADE; CREATE SCHEMA rebuild_projection;" + of_owner},
      {.before = "DROP SCHEMA rebuild_projection CASCADE; CREATE SCHEMA rebuild_projection;" + of_other, .missing = 1},
      {.before = tables_of_other, .missing = 4},
      {.before = tables_of_other + ";" + of_owner + "; GRANT USAGE ON SCHEMA rebuild_projection TO " + other.name(),
       .missing = 3},
      {.before = tables_of_other, .by_superuser = true},
  };
  for (const State& state : states) {
    SCOPED_TRACE(state.before + (state.by_superuser ? ", by a superuser" : ", by the owner"));
    ASSERT_EQ(run("APPLY").exit_code, 0);
    database.execute(state.before);
    Role script_reader{database, "script_reader"}, script_writer{database, "script_writer"};
    const std::string runs_it = state.by_superuser ? "" : owner.name();
    if (state.missing > 0) {
      EXPECT_EQ(run_script(runs_it, script_reader, script_writer), 3);
      const std::string words = said.read("script");
      std::size_t statements = 0;
      const std::regex must_run(other.name() + " must run: ([^;]*;)");
      for (std::sregex_iterator match(words.begin(), words.end(), must_run), end; match != end; ++match, ++statements)
        OtherClient(database, "SET ROLE " + other.name() + ";" + (*match)[1].str());
      EXPECT_EQ(statements, state.missing) << words;
      EXPECT_EQ(database.value("SELECT has_table_privilege('" + script_writer.name() + "', 'lead_summary', 'SELECT')"),
                "f");
    }
    ASSERT_EQ(run_script(runs_it, script_reader, script_writer), 0) << said.read("script");
    for (const char* strategy : {"in-place", "shadow"}) {
      const Program::Result result =
          Program::run({"--projection", "all", "--mode", "APPLY", "--strategy", strategy, "--projections",
                        tools + "/projections", "--dsn", script_writer.dsn(), "--source-dsn", script_reader.dsn()});
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    database.execute(
        with_names("DROP SCHEMA rebuild_projection CASCADE;"
                   "CREATE SCHEMA rebuild_projection AUTHORIZATION rebuild_writer"));
  }
  database.execute("REASSIGN OWNED BY " + owner.name() + " TO CURRENT_USER");
}

/// A shadow, or the rows before a publication, which only their owner may drop.
TEST_F(GrantsTest, WhatAnotherWriterLeftIsNamedBeforeTheRun) {
  ASSERT_EQ(run("APPLY", {"--strategy", "shadow", "--keep-previous"}).exit_code, 0);
  const std::string oid = database.value("SELECT 'lead_summary'::regclass::oid");
  database.execute("SET ROLE " + writer.name() + "; CREATE TABLE rebuild_projection.shadow_" + oid + " (); RESET ROLE");
  Role script_writer{database, "script_writer"};
  ASSERT_EQ(run_script("", reader, script_writer), 0) << said.read("script");
  const auto run_as_another = [&](const char* mode) {
    return Program::run({"--projection", "lead_summary", "--mode", mode, "--strategy", "shadow", "--discard",
                         "--projections", tools + "/projections", "--dsn", script_writer.dsn(), "--source-dsn",
                         reader.dsn()});
  };
  const std::string before = rows();
  for (const char* mode : {"DRY_RUN", "APPLY"}) {
    const Program::Result refused = run_as_another(mode);
    EXPECT_EQ(refused.exit_code, 1) << refused.err;
    for (const char* left : {"shadow_", "previous_"})
      EXPECT_NE(refused.err.find(writer.name() + " must run: DROP TABLE rebuild_projection." + left + oid + ";"),
                std::string::npos)
          << refused.err;
  }
  EXPECT_EQ(rows(), before);
  database.execute("DROP TABLE rebuild_projection.shadow_" + oid + ", rebuild_projection.previous_" + oid);
  const Program::Result result = run_as_another("APPLY");
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(GrantsTest, EachRightOnStoreAndTablesIsNeeded) {
  expect_missed("REVOKE SELECT ON event_store FROM rebuild_reader",
                "GRANT SELECT ON \"public\".\"event_store\" TO \"rebuild_reader\";");
  for (const char* role : {"rebuild_reader", "rebuild_writer"})
    expect_missed("REVOKE USAGE ON SCHEMA public FROM " + std::string(role),
                  "GRANT USAGE ON SCHEMA \"public\" TO \"" + std::string(role) + "\";");
  for (const char* right : {"SELECT", "INSERT", "UPDATE", "DELETE"})
    expect_missed("REVOKE " + std::string(right) + " ON lead_summary FROM rebuild_writer",
                  "GRANT " + std::string(right) + " ON \"public\".\"lead_summary\" TO \"rebuild_writer\";");
  database.execute(with_names("REVOKE TRUNCATE ON lead_summary FROM rebuild_writer"));
  EXPECT_EQ(run("APPLY").exit_code, 0);  // for --truncate only
  expect_missed("SELECT 1", "GRANT TRUNCATE ON \"public\".\"lead_summary\" TO \"rebuild_writer\";", {"--truncate"});
}

TEST_F(GrantsTest, TheSchemaOfCheckpointsInEachOfItsStates) {
  const std::string schema_rights =
      "GRANT USAGE, CREATE ON SCHEMA \"rebuild_projection\" TO \"rebuild_writer\"; GRANT SELECT, INSERT, UPDATE, "
      "DELETE ON ALL TABLES IN SCHEMA \"rebuild_projection\" TO \"rebuild_writer\";";
  // It is not there: the role may make it, or somebody makes it for the role.
  expect_missed("DROP SCHEMA rebuild_projection",
                "CREATE SCHEMA \"rebuild_projection\" AUTHORIZATION \"rebuild_writer\";");
  database.execute(with_names("DROP SCHEMA rebuild_projection CASCADE; GRANT CREATE ON DATABASE " + database.name() +
                              " TO rebuild_writer"));
  EXPECT_EQ(run("APPLY").exit_code, 0);
  // It is another's and empty.
  expect_missed("DROP SCHEMA rebuild_projection CASCADE; CREATE SCHEMA rebuild_projection", schema_rights);
  // It is another's, and so are its tables: CREATE is not needed, the rest is.
  database.execute(
      with_names("ALTER TABLE rebuild_projection.rebuild_checkpoints OWNER TO CURRENT_USER;"
                 "ALTER TABLE rebuild_projection.rebuild_dead_letters OWNER TO CURRENT_USER;"
                 "REVOKE CREATE ON SCHEMA rebuild_projection FROM rebuild_writer;"
                 "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rebuild_projection TO rebuild_writer"));
  EXPECT_EQ(run("APPLY").exit_code, 0);
  expect_missed("REVOKE USAGE ON SCHEMA rebuild_projection FROM rebuild_writer", schema_rights);
  for (const char* table : {"rebuild_checkpoints", "rebuild_dead_letters"})
    for (const char* right : {"SELECT", "INSERT", "UPDATE", "DELETE"})
      // CREATE, which the last message gave, is no help.
      expect_missed(
          "REVOKE " + std::string(right) + " ON rebuild_projection." + std::string(table) + " FROM rebuild_writer",
          schema_rights);
}

TEST_F(GrantsTest, TheOwnerAnalyzes) {
  database.execute(with_names("ALTER TABLE lead_summary OWNER TO rebuild_writer"));
  const Program::Result result = run("APPLY");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err.find("ANALYZE \"public\".\"lead_summary\";"), std::string::npos) << result.err;
  EXPECT_EQ(database.value("SELECT reltuples FROM pg_class WHERE relname = 'lead_summary'"), "20");
}

TEST_F(GrantsTest, ASequenceOfAnotherRollsTheFirstBatchBack) {
  database.execute("CREATE SEQUENCE numbers; ALTER TABLE lead_summary ADD number bigint DEFAULT nextval('numbers')");
  const std::string before = rows();
  const Program::Result failed = run("APPLY");
  EXPECT_EQ(failed.exit_code, 2) << failed.err;
  EXPECT_NE(failed.err.find("permission denied for sequence numbers"), std::string::npos) << failed.err;
  EXPECT_EQ(rows(), before);
  database.execute(with_names("GRANT USAGE ON SEQUENCE numbers TO rebuild_writer"));
  EXPECT_EQ(run("APPLY").exit_code, 0);
}

}  // namespace
}  // namespace rebuild_projection::test

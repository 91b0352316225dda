// Without this file a rebuild could clear a table that it must not touch, or fail for want of a right half way through.
#include <gtest/gtest.h>

#include <regex>

#include "tests/support/proxy.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

class RefusedTargetsTest : public testing::Test {
 protected:
  RefusedTargetsTest() { store.append(1, 20); }

  /// A projection "x" of `table` with the given key, in a folder of its own.
  std::string folder_with(const std::string& table, const std::string& key = "id") {
    folders_.push_back(std::make_unique<Folder>());
    folders_.back()->write("x.toml", "name  = \"x\"\ntable = \"" + table + "\"\nkey   = [\"" + key +
                                         "\"]\n[[on]]\nevent = \"*\"\nkey = { " + key + " = \"@event_id\" }\n");
    return folders_.back()->path();
  }
  /// Both modes must refuse it, in one line that names the file and holds `reason`, and change nothing.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& reason) {
    const std::string before = store.everything();
    for (const char* mode : {"DRY_RUN", "APPLY"}) {
      std::vector<std::string> all{"--projection", "all", "--mode", mode};
      all.insert(all.end(), arguments.begin(), arguments.end());
      const Outcome run = store.run(all);
      EXPECT_EQ(run.exit_code, 1) << reason;
      EXPECT_TRUE(std::regex_search(run.err, std::regex("error .*x\\.toml:2: .*" + reason))) << reason << "\n"
                                                                                             << run.err;
      EXPECT_EQ(run.out, "");
    }
    EXPECT_EQ(store.everything(), before) << reason;
  }
  Recruiting store;

 private:
  std::vector<std::unique_ptr<Folder>> folders_;
};

TEST_F(RefusedTargetsTest, WhatCannotBeRebuiltInPlace) {
  const struct {
    const char* table;
    const char* sql;
    const char* reason;
  } cases[] = {
      {"a_view", "CREATE VIEW a_view AS SELECT event_id AS id FROM event_rows", "is a view"},
      {"a_matview", "CREATE MATERIALIZED VIEW a_matview AS SELECT event_id AS id FROM event_rows",
       "is a materialized view"},
      {"a_sequence", "CREATE SEQUENCE a_sequence", "is a sequence"},
      {"referred",
       "CREATE TABLE referred (id uuid PRIMARY KEY); CREATE TABLE child (ref uuid CONSTRAINT child_ref REFERENCES "
       "referred)",
       "foreign keys \\(.*child"},
      {"triggered",
       "CREATE TABLE triggered (id uuid PRIMARY KEY); CREATE TRIGGER my_trigger BEFORE UPDATE ON triggered"
       " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
       "triggers \\(my_trigger\\)"},
      {"rewritten",
       "CREATE TABLE rewritten (id uuid PRIMARY KEY); CREATE RULE my_rule AS ON DELETE TO rewritten DO INSTEAD NOTHING",
       "rewrite rules \\(my_rule\\)"},
      {"parent", "CREATE TABLE parent (id uuid PRIMARY KEY); CREATE TABLE heir () INHERITS (parent)", "inherit"},
      {"triggered_part",
       "CREATE TABLE triggered_part (id uuid PRIMARY KEY) PARTITION BY HASH (id); CREATE TABLE half PARTITION OF "
       "triggered_part FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY HASH (id); CREATE TABLE quarter PARTITION "
       "OF half FOR VALUES WITH (MODULUS 1, REMAINDER 0); CREATE TRIGGER deep AFTER INSERT ON quarter FOR EACH ROW "
       "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
       "triggers \\(deep of its part public.quarter\\).*ALTER TABLE public.quarter DISABLE TRIGGER USER;"},
      {"referred_part",
       "CREATE TABLE referred_part (id uuid PRIMARY KEY) PARTITION BY HASH (id); CREATE TABLE whole PARTITION OF "
       "referred_part FOR VALUES WITH (MODULUS 1, REMAINDER 0); CREATE TABLE of_part (ref uuid CONSTRAINT to_part "
       "REFERENCES whole ON DELETE CASCADE)",
       "foreign keys \\(to_part of table public.of_part to its part public.whole\\)"},
      {"elsewhere",
       "CREATE EXTENSION file_fdw; CREATE SERVER s FOREIGN DATA WRAPPER file_fdw; CREATE TABLE elsewhere (id uuid NOT "
       "NULL, far boolean) PARTITION BY LIST (far); CREATE FOREIGN TABLE there PARTITION OF elsewhere FOR VALUES IN "
       "(true) SERVER s OPTIONS (filename '/dev/null')",
       "parts on other servers \\(public.there\\)"},
      {"published",
       "CREATE TABLE published (id uuid NOT NULL) PARTITION BY HASH (id); CREATE TABLE leaf PARTITION OF published FOR "
       "VALUES WITH (MODULUS 1, REMAINDER 0); CREATE UNIQUE INDEX ON published (id); CREATE PUBLICATION p FOR TABLE "
       "published",
       "no replica identity.*ALTER TABLE public.leaf REPLICA IDENTITY FULL;"},
      {"refers", "CREATE TABLE refers (id uuid PRIMARY KEY REFERENCES event_store)", "foreign key to the event store"},
      {"nowhere", "SELECT 1", "no table \"nowhere\""},
  };
  for (const auto& target : cases) {
    store.database.execute(target.sql);
    expect_refused({"--projections", folder_with(target.table)}, target.reason);
  }
  // A trigger that is disabled does not fire, and an empty place in a list of foreign keys is no reason.
  store.database.execute("ALTER TABLE triggered DISABLE TRIGGER USER; DROP TABLE child");
  EXPECT_EQ(store.apply("all", {"--projections", folder_with("triggered")}).exit_code, 0);
  EXPECT_EQ(store.apply("all", {"--projections", folder_with("referred")}).exit_code, 0);
}

/// A run that is asked to write while somebody alters the table between two of its batches, or before the first.
TEST_F(RefusedTargetsTest, WhatIsAlteredDuringARunIsLookedAtInTheTransactionThatWrites) {
  const struct {
    const char* what;
    const char* sql;
    const char* undone;  ///< by this
  } cases[] = {
      {"a cascading foreign key",
       "CREATE TABLE precious (ref uuid REFERENCES event_rows ON DELETE CASCADE); INSERT INTO precious SELECT event_id "
       "FROM event_rows",
       "DROP TABLE precious"},
      {"a trigger",
       "CREATE TRIGGER t BEFORE UPDATE ON event_rows FOR EACH ROW EXECUTE FUNCTION "
       "suppress_redundant_updates_trigger()",
       "DROP TRIGGER t ON event_rows"},
      {"a rule", "CREATE RULE r AS ON DELETE TO event_rows DO INSTEAD NOTHING", "DROP RULE r ON event_rows"},
      {"an heir", "CREATE TABLE heir () INHERITS (event_rows)", "DROP TABLE heir"},
      {"another table of the name",
       "ALTER TABLE event_rows RENAME TO event_rows_2; CREATE TABLE event_rows (LIKE event_rows_2 INCLUDING ALL)",
       "DROP TABLE event_rows; ALTER TABLE event_rows_2 RENAME TO event_rows"},
  };
  store.append(21, 60);
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);
  for (const auto& alteration : cases)
    for (const int batch : {0, 2}) {
      SCOPED_TRACE(std::string(alteration.what) + " after batch " + std::to_string(batch));
      int session = 0, commits = 0;  // the first is of the checkpoints' start
      bool altered = false;
      std::string rows;
      const Proxy proxy([&](const Message& message) {
        if (names_session(message, "commit")) session = message.connection;
        if (message.connection != session || !completes(message, "COMMIT")) return Verdict::pass;
        if (commits++ != batch) return Verdict::pass;
        altered = true;
        store.database.execute(alteration.sql);
        rows = store.database.digest("event_rows");
        return Verdict::pass;
      });
      const Outcome run = store.apply("event_rows", {"--batch-size", "10", "--dsn", proxy.dsn(store.database.name())});
      EXPECT_TRUE(altered);
      EXPECT_EQ(run.exit_code, 2) << run.err;
      EXPECT_NE(run.err.find("public.event_rows was altered during the run"), std::string::npos) << run.err;
      EXPECT_EQ(store.database.digest("event_rows"), rows);
      if (store.database.value("SELECT to_regclass('precious') IS NOT NULL") == "t") {
        EXPECT_EQ(store.database.value("SELECT count(*) = (SELECT count(*) FROM event_rows) FROM precious"), "t");
      }
      store.database.execute(alteration.undone);
      ASSERT_EQ(store.apply("event_rows").exit_code, 0);
    }
}

/// A schema is renamed without a lock on its tables.
TEST_F(RefusedTargetsTest, ATableInASchemaThatTookTheNameDuringARunIsNotWritten) {
  store.database.execute("CREATE SCHEMA shop; CREATE TABLE shop.t (id uuid PRIMARY KEY)");
  int session = 0, commits = 0;
  const Proxy proxy([&](const Message& message) {
    if (names_session(message, "commit")) session = message.connection;
    if (message.connection == session && completes(message, "COMMIT") && ++commits == 2)
      store.database.execute(
          "ALTER SCHEMA shop RENAME TO old; CREATE SCHEMA shop; CREATE TABLE shop.t (id uuid PRIMARY KEY)");
    return Verdict::pass;
  });
  const Outcome run = store.apply(
      "x", {"--projections", folder_with("shop.t"), "--batch-size", "10", "--dsn", proxy.dsn(store.database.name())});
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_NE(run.err.find("shop.t was altered during the run"), std::string::npos) << run.err;
  EXPECT_EQ(store.database.value("SELECT count(*) FROM shop.t"), "0");
  EXPECT_EQ(store.database.value("SELECT count(*) FROM old.t"), "10");
}

TEST_F(RefusedTargetsTest, TheStoreInEveryShape) {
  expect_refused({"--projections", folder_with("event_store", "event_id")}, "belongs to the event store");
  store.database.execute(
      "CREATE TABLE parted (LIKE event_store, PRIMARY KEY (event_id)) PARTITION BY HASH (event_id);"
      "CREATE TABLE part_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
      "CREATE TABLE part_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
      "CREATE VIEW seen AS SELECT * FROM event_store WHERE event_type <> ''");
  const std::string columns =
      "order = [\"ts\", \"event_id\"]\nevent_id = \"event_id\"\nts = \"ts\"\ntype = \"event_type\"\n"
      "payload = \"payload\"\n";
  const struct {
    const char* from;
    const char* table;
  } cases[] = {{"parted", "part_1"},
               {"part_1", "parted"},
               {"part_0", "part_0"},
               {"seen", "event_store"},
               {"(SELECT * FROM public.seen UNION ALL SELECT * FROM public.parted)", "event_store"},
               {"(SELECT * FROM public.seen UNION ALL SELECT * FROM public.parted)", "part_0"}};
  for (const auto& shape : cases) {
    const std::string file =
        store.results.write("store.toml", "from = \"" + std::string(shape.from) + "\"\n" + columns);
    expect_refused({"--store", file, "--projections", folder_with(shape.table, "event_id")},
                   "belongs to the event store");
  }
}

TEST_F(RefusedTargetsTest, TwoProjectionsOfOneTable) {
  Folder folder;
  for (const char* name : {"w", "x"})
    folder.write(std::string(name) + ".toml",
                 "name = \"" + std::string(name) +
                     "\"\ntable = \"event_rows\"\nkey = [\"event_id\"]\n[[on]]\nevent = \"*\"\n"
                     "key = { event_id = \"@event_id\" }\n");
  expect_refused({"--projections", folder.path()}, "also the table of projection w");
  EXPECT_EQ(store.apply("w", {"--projections", folder.path()}).exit_code, 0);  // one of them alone
}

/// The checkpoint of one no longer says what is in the table once another has written it, either way.
TEST_F(RefusedTargetsTest, ATableIsThatOfTheProjectionThatWroteItLast) {
  Folder folder;
  for (const char* name : {"w", "x"})
    folder.write(std::string(name) + ".toml",
                 "name = \"" + std::string(name) +
                     "\"\ntable = \"event_rows\"\nkey = [\"event_id\"]\n[[on]]\nevent = \"*\"\nkey = { event_id = "
                     "\"@event_id\" }\nset = { n = { literal = " +
                     std::to_string(name[0]) + " } }\n");
  const std::vector<std::string> resume{"--projections", folder.path(), "--resume"};
  const std::vector<std::vector<std::string>> ways{{},
                                                   {"--strategy", "shadow"},
                                                   {"--from-ts", "2025-01-01T00:00:03Z"},
                                                   {"--clear", "always", "--to-ts", "2000-01-01"}};
  for (std::vector<std::string> way : ways) {
    SCOPED_TRACE(testing::PrintToString(way));
    way.insert(way.end(), {"--projections", folder.path()});
    ASSERT_EQ(store.apply("w", {"--projections", folder.path()}).exit_code, 0);
    ASSERT_EQ(store.apply("w", resume).exit_code, 0);
    ASSERT_EQ(store.apply("x", way).exit_code, 0);
    const std::string rows = store.database.digest("event_rows");
    const Outcome refused = store.apply("w", resume);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_NE(refused.err.find("the table public.event_rows was rebuilt by projection x since"), std::string::npos)
        << refused.err;
    EXPECT_EQ(store.database.digest("event_rows"), rows);
    EXPECT_EQ(store.checkpoint("state", "w"), "replaced");
    const Outcome verified = store.run({"--mode", "VERIFY", "--projection", "w", "--projections", folder.path()});
    EXPECT_NE(verified.err.find("was rebuilt by another projection since"), std::string::npos) << verified.err;
  }
}

TEST_F(RefusedTargetsTest, ATableThatWasWrittenWithCheckpointsInAnotherSchemaIsNotResumed) {
  const std::vector<std::string> elsewhere{"--meta-schema", "elsewhere"};
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);
  ASSERT_EQ(store.apply("event_rows", {"--resume"}).exit_code, 0);
  ASSERT_EQ(store.apply("event_rows", elsewhere).exit_code, 0);
  const Outcome refused = store.apply("event_rows", {"--resume"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(
      refused.err.find("the table public.event_rows was written by projection event_rows, whose checkpoint lies in"
                       " the schema elsewhere, since"),
      std::string::npos)
      << refused.err;
  EXPECT_EQ(store.apply("event_rows", {"--meta-schema", "elsewhere", "--resume"}).exit_code, 0);
}

TEST_F(RefusedTargetsTest, RowsThatRowSecurityHides) {
  Role role(store.database, "filtered");
  store.database.execute("GRANT ALL ON event_rows TO " + role.name() + "; GRANT SELECT ON event_store TO " +
                         role.name() + "; GRANT CREATE ON DATABASE " + store.database.name() + " TO " + role.name() +
                         "; ALTER TABLE event_rows ENABLE ROW LEVEL SECURITY");
  expect_refused({"--dsn", role.dsn(), "--projections", folder_with("event_rows", "event_id")}, "row-level security");
  store.database.execute(
      "ALTER TABLE event_rows DISABLE ROW LEVEL SECURITY; ALTER TABLE event_store ENABLE ROW LEVEL SECURITY");
  const Outcome run = store.apply("event_rows", {"--dsn", role.dsn()});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.err.find("row-level security would hide events"), std::string::npos) << run.err;
}

TEST_F(RefusedTargetsTest, AMissingRightIsNamedAsTheSqlThatGrantsIt) {
  Role role(store.database, "poor");
  const std::regex sql("must run: (.*)\n");
  int grants = 0;
  while (true) {  // nothing but what the messages say is granted
    const std::string before = store.everything();
    const Outcome run = store.apply("all", {"--dsn", role.dsn(), "--truncate"});
    if (run.exit_code == 0) break;
    ASSERT_EQ(run.exit_code, 1) << run.err;
    EXPECT_EQ(store.everything(), before);
    ASSERT_TRUE(std::regex_search(run.err, sql)) << run.err;
    for (std::sregex_iterator match(run.err.begin(), run.err.end(), sql), end; match != end; ++match, ++grants)
      store.database.execute((*match)[1]);
    ASSERT_LT(grants, 20);
  }
  EXPECT_EQ(grants, 5);  // the store, three tables, and the schema of checkpoints
  for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
}

}  // namespace
}  // namespace rebuild_projection::test

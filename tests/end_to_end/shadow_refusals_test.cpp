// Without this file a shadow could be filled for hours and then not be published, or somebody's shadow be lost.
#include <gmock/gmock.h>

#include "tests/end_to_end/shadow_store.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

class ShadowRefusalsTest : public ShadowStore {
 protected:
  ShadowRefusalsTest() { store.append(1, 200); }

  /// In both modes, with exit code 1 and one sentence, before anything is changed.
  void expect_refused(const std::string& projection, const std::vector<std::string>& more, const std::string& reason) {
    const std::string before = store.everything();
    for (const char* mode : {"DRY_RUN", "APPLY"}) {
      std::vector<std::string> all{"--projection", projection, "--mode", mode, "--strategy", "shadow"};
      all.insert(all.end(), more.begin(), more.end());
      const Outcome run = store.run(all);
      EXPECT_EQ(run.exit_code, 1) << reason;
      EXPECT_THAT(run.err, HasSubstr(reason)) << mode;
      EXPECT_EQ(run.out, "");
    }
    EXPECT_EQ(store.everything(), before) << reason;
  }
  /// A shadow with the first events in it.
  void leave_shadow(const std::string& projection) {
    ASSERT_EQ(shadow(projection, {"--max-events", "100", "--batch-size", "10"}).exit_code, 0);
    ASSERT_EQ(shadow_state(projection), event_id(100) + ": running");
  }
};

TEST_F(ShadowRefusalsTest, TablesThatPublishingCouldHarm) {
  const struct {
    const char* what;
    const char* make;
    const char* undo;
    const char* reason;
  } cases[] = {
      {"a trigger",
       "CREATE TRIGGER t BEFORE UPDATE ON event_rows FOR EACH STATEMENT EXECUTE FUNCTION "
       "suppress_redundant_updates_trigger()",
       "ALTER TABLE event_rows DISABLE TRIGGER USER", "has triggers (t)"},
      {"a cascade", "CREATE TABLE child (ref uuid CONSTRAINT child_ref REFERENCES event_rows ON DELETE CASCADE)",
       "DROP TABLE child; CREATE TABLE child (ref uuid REFERENCES event_rows ON DELETE RESTRICT)",
       "the foreign key child_ref of table public.child, which would change or delete the rows there"},
      {"a foreign key that follows a unique column",
       "ALTER TABLE event_rows ADD UNIQUE (n); CREATE TABLE grandchild (n integer CONSTRAINT follows REFERENCES "
       "event_rows (n) ON UPDATE CASCADE)",
       "DROP TABLE grandchild", "the foreign key follows of table public.grandchild, which would change or delete"},
      {"a foreign key of the event store",
       "ALTER TABLE event_store ADD ref uuid CONSTRAINT of_the_store REFERENCES event_rows",
       "ALTER TABLE event_store DROP ref",
       "the foreign key of_the_store of table public.event_store, which belongs to "
       "the event store"},
      {"a column that nobody fills", "ALTER TABLE event_rows ADD needed text NOT NULL",
       "ALTER TABLE event_rows ALTER needed SET DEFAULT ''", "has the column needed, which may not be NULL"},
      {"no replica identity",
       "ALTER TABLE event_rows REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE event_rows",
       "ALTER TABLE event_rows REPLICA IDENTITY FULL", "has no replica identity"},
      {"a view", "ALTER TABLE event_rows RENAME TO hidden; CREATE VIEW event_rows AS TABLE hidden",
       "DROP VIEW event_rows; ALTER TABLE hidden RENAME TO event_rows", "is a view"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.what);
    store.database.execute(one.make);
    expect_refused("event_rows", {}, one.reason);
    store.database.execute(one.undo);
  }
  // None of what was mended is a reason.
  EXPECT_EQ(shadow("event_rows").exit_code, 0);
}

TEST_F(ShadowRefusalsTest, AMissingRight) {
  Role role(store.database, "poor");
  store.database.execute(
      "GRANT SELECT ON event_store TO " + role.name() + "; GRANT SELECT, INSERT, UPDATE, DELETE ON event_rows TO " +
      role.name() + "; CREATE SCHEMA rebuild_projection; GRANT USAGE ON SCHEMA rebuild_projection TO " + role.name());
  // In place it would do with tables that are there.
  EXPECT_EQ(store.apply("event_rows").exit_code, 0);
  store.database.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rebuild_projection TO " +
                         role.name());
  const std::vector<std::string> as_role{"--dsn", role.dsn(), "--fence", "off"};
  expect_refused("event_rows", as_role, "GRANT USAGE, CREATE ON SCHEMA \"rebuild_projection\"");
  store.database.execute("GRANT CREATE ON SCHEMA rebuild_projection TO " + role.name() +
                         "; REVOKE DELETE ON event_rows FROM " + role.name());
  expect_refused("event_rows", as_role, "GRANT DELETE ON \"public\".\"event_rows\"");
  store.database.execute("GRANT DELETE ON event_rows TO " + role.name() + "; UPDATE event_rows SET n = 0");
  const Outcome run = shadow("event_rows", as_role);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(store.differing("event_rows"), "0");
}

TEST_F(ShadowRefusalsTest, AShadowThatLiesThereIsNeverLostInSilence) {
  leave_shadow("event_rows");
  expect_refused("event_rows", {}, "go on with it by --resume, or drop it and start over by --discard");

  // Another definition.
  const std::string file = store.projections.read("event_rows.toml");
  store.projections.write("event_rows.toml", file + "[[on]]\nevent = \"gone\"\nkey = { event_id = \"@event_id\" }\n");
  expect_refused("event_rows", {"--resume"},
                 "its definition is another, or a column that it writes was made anew since; drop its shadow and start "
                 "over by --discard");
  store.projections.write("event_rows.toml", file);

  // The column's type is another than in the shadow.
  store.database.execute("ALTER TABLE event_rows ALTER n TYPE bigint");
  expect_refused("event_rows", {"--resume"}, "its column n was integer and is bigint");
  store.database.execute("ALTER TABLE event_rows ALTER n TYPE integer");

  // Another projection of the same table.
  store.projections.write("other.toml",
                          "name = \"other\"\ntable = \"event_rows\"\nkey = [\"event_id\"]\n[[on]]\nevent = \"*\"\n"
                          "key = { event_id = \"@event_id\" }\n");
  for (const char* how : {"--resume", "--fence"})
    expect_refused("other", std::string(how) == "--resume" ? std::vector<std::string>{how} : std::vector<std::string>{},
                   "so projection other cannot have one");

  // A table of that name without a checkpoint.
  store.database.execute("DELETE FROM rebuild_projection.rebuild_shadows");
  expect_refused("event_rows", {"--resume"}, "has the name of a shadow and no checkpoint");

  Outcome run = shadow("event_rows", {"--discard"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.summary["events_read"], 200);
  EXPECT_EQ(store.differing("event_rows"), "0");
  leave_shadow("event_rows");
  run = shadow("other", {"--discard"});  // drops the other one's
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_no_shadow();
}

TEST_F(ShadowRefusalsTest, AShadowOfAnotherStoreOrATableMadeAnew) {
  leave_shadow("counters");
  store.database.execute(
      "ALTER TABLE counters RENAME TO old; CREATE TABLE counters (LIKE old INCLUDING ALL); DROP TABLE old");
  expect_refused("counters", {"--resume"}, "the table public.counters was made anew since");
  EXPECT_EQ(shadow("counters", {"--discard"}).exit_code, 0);
  expect_no_shadow();
  leave_shadow("counters");
  store.database.execute("DELETE FROM event_store WHERE payload->>'n' = '100'");
  expect_refused("counters", {"--resume"}, "the store no longer has the event " + event_id(100));
}

}  // namespace
}  // namespace rebuild_projection::test

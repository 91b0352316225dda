// Without this file the statements that write rows of which nothing is known (a DELETE and a MERGE for thousands) could
// lose the rows beyond the first statement, count them wrongly, or mix up the branches of a row that goes and comes
// back.
#include "stages/commit/table_writer.h"

#include <gtest/gtest.h>

#include "pipeline/changes.h"
#include "stages/postgres/catalogue_query.h"
#include "tests/support/database.h"
#include "tests/support/program.h"

namespace rebuild_projection {
namespace {

using Lines = std::vector<std::string>;

Json text(std::string_view text) {
  return {Json::Kind::string, text};
}
Json number(std::string_view digits) {
  return {Json::Kind::number, digits};
}

class TableWriterTest : public testing::Test {
 protected:
  TableWriterTest() : session(database.dsn(), "commit", Session::Access::read_write) {
    database.execute(
        "CREATE TABLE target (id integer PRIMARY KEY, name text DEFAULT 'none', count integer NOT NULL DEFAULT 10,"
        " tags text[])");
    layout.name = "target";
    layout.updates = true;
    layout.key = {{"id", ColumnType::integer, 0, {}}};
    layout.columns = {{"name", ColumnType::text, {}, Operation::set},
                      {"count", ColumnType::integer, 0, Operation::set | Operation::add},
                      {"tags", ColumnType::array, {}, Operation::append}};
    table = *read_table(session, "target");
    writer = std::make_unique<TableWriter>(layout, table, std::size_t{1} << 20, 1);
    writer->prepare(session, "test");
  }

  /// What one event does, added to `set`.
  template <typename Do>
  void change(ChangeSet& set, Do&& what) {
    Changes changes(layout);
    what(changes);
    changes.move_into(set);
  }
  void upsert(ChangeSet& set, const std::string& id, std::string_view name) {
    const Json key = number(id);
    change(set, [&](Changes& changes) {
      changes.upsert({&key, 1}).apply(Operation::set, 0, text(name)).apply(Operation::add, 1, number("1"));
    });
  }
  void update(ChangeSet& set, const std::string& id, std::string_view name) {
    const Json key = number(id);
    change(set, [&](Changes& changes) { changes.update({&key, 1}).apply(Operation::set, 0, text(name)); });
  }
  void remove(ChangeSet& set, const std::string& id) {
    const Json key = number(id);
    change(set, [&](Changes& changes) { changes.remove({&key, 1}); });
  }
  TableWriter::Written write(const ChangeSet& set) {
    session.execute("BEGIN");
    const auto written = writer->write(session, set, trust);
    session.execute("COMMIT");
    return written;
  }
  Lines rows() { return database.rows("SELECT * FROM target ORDER BY id"); }

  test::Database database;
  Session session;
  TableLayout layout;
  CatalogueTable table;
  std::unique_ptr<TableWriter> writer;
  TableWriter::Trust trust = TableWriter::Trust::nothing;
};

TEST_F(TableWriterTest, WritesMoreRowsThanOneStatementHolds) {
  constexpr int count = 45'001;
  ChangeSet set(layout);
  for (int id = 1; id <= count; ++id) upsert(set, std::to_string(id), "n" + std::to_string(id));
  auto written = write(set);
  EXPECT_EQ(written.rows_written, 45'001U);
  EXPECT_EQ(written.rows_deleted, 0U);
  const std::string sums = "SELECT count(*), sum(id), sum(count), count(*) FILTER (WHERE name = 'n' || id) FROM target";
  EXPECT_EQ(database.value(sums), "45001|1012567501|495011|45001");
  // The same once more: every row is there now.
  EXPECT_EQ(write(set).rows_written, 45'001U);
  EXPECT_EQ(database.value(sums), "45001|1012567501|540012|45001");

  ChangeSet mixed(layout);
  for (int id = 1; id <= count; ++id) remove(mixed, std::to_string(id));
  for (int id = 1; id <= count; id += 3) upsert(mixed, std::to_string(id), "again");
  written = write(mixed);
  EXPECT_EQ(written.rows_deleted, 45'001U);
  EXPECT_EQ(written.rows_written, 15'001U);
  EXPECT_EQ(database.rows("SELECT DISTINCT name, count, id % 3 FROM target"), Lines{"again|11|1"});
}

TEST_F(TableWriterTest, RowsOfManyMegabytesAreSplitToo) {
  const std::string large(3'000'000, 'x');
  ChangeSet set(layout);
  for (int id = 1; id <= 40; ++id) upsert(set, std::to_string(id), large);
  EXPECT_EQ(write(set).rows_written, 40U);
  EXPECT_EQ(database.value("SELECT sum(length(name)) FROM target"), "120000000");
}

TEST_F(TableWriterTest, TakesTheBranchOfTheRowItFinds) {
  database.execute("INSERT INTO target VALUES (1, 'old', 5, '{a}'), (2, 'old', 5, NULL), (3, 'old', 5, NULL)");
  ChangeSet set(layout);
  upsert(set, "1", "new");   // there
  upsert(set, "11", "new");  // not there
  update(set, "2", "new");   // there
  update(set, "12", "new");  // not there: nothing
  remove(set, "3");          // there, comes back with its defaults
  upsert(set, "3", "new");
  remove(set, "13");  // not there, created
  upsert(set, "13", "new");
  update(set, "14", "lost");  // only an upsert creates the row; the update before it had nothing to change
  upsert(set, "14", "new");
  remove(set, "15");
  update(set, "15", "lost");  // after a delete there is nothing to update
  const auto written = write(set);
  EXPECT_EQ(rows(), (Lines{"1|new|6|{a}", "2|new|5|NULL", "3|new|11|NULL", "11|new|11|NULL", "13|new|11|NULL",
                           "14|new|11|NULL"}));
  EXPECT_EQ(written.rows_written, 6U);
  EXPECT_EQ(written.rows_deleted, 1U);
}

TEST_F(TableWriterTest, AppendsToWhatIsThere) {
  database.execute("INSERT INTO target VALUES (1, '', 0, '{a}'), (2, '', 0, '{}')");
  ChangeSet set(layout);
  for (const std::string id : {"1", "2", "3"}) {
    const Json key = number(id);
    for (const Json& element : {text("NULL"), Json{Json::Kind::null, {}}, text(R"(",\{} )"), text("")})
      change(set, [&](Changes& changes) { changes.upsert({&key, 1}).apply(Operation::append, 2, element); });
  }
  write(set);
  EXPECT_EQ(database.rows("SELECT id, array_to_json(tags) FROM target ORDER BY id"),
            (Lines{R"(1|["a","NULL",null,"\",\\{} ",""])", R"(2|["NULL",null,"\",\\{} ",""])",
                   R"(3|["NULL",null,"\",\\{} ",""])"}));
}

TEST_F(TableWriterTest, AnEmptyChangeSetWritesNothing) {
  const auto written = write(ChangeSet(layout));
  EXPECT_EQ(written.rows_written + written.rows_deleted, 0U);
}

TEST_F(TableWriterTest, ClearsByDeleteOrTruncate) {
  for (const bool truncate : {false, true}) {
    database.execute("INSERT INTO target SELECT n FROM generate_series(1, 7) n");
    EXPECT_EQ(writer->clear(session, truncate), 7U);
    EXPECT_EQ(rows(), Lines{});
    EXPECT_EQ(writer->clear(session, truncate), 0U);
  }
}

TEST_F(TableWriterTest, WhatWasSpilledIsWrittenRowByRowOfWhichThoseThatGoGoFirst) {
  const test::Folder folder;
  database.execute("ALTER TABLE target ADD UNIQUE (name)");
  database.execute("INSERT INTO target VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  ChangeSet set(layout);
  upsert(set, "2", "2");
  remove(set, "3");
  set.spill(folder.path());
  upsert(set, "1", "three");  // which row 3 has
  upsert(set, "2", "again");
  set.spill(folder.path());
  upsert(set, "4", "four");
  for (const auto way : {trust, TableWriter::Trust::what_is_known}) {
    session.execute("BEGIN");
    const auto written = writer->write(session, set, way);
    EXPECT_EQ(written.rows_written, 3U);
    EXPECT_EQ(written.rows_deleted, 1U);
    EXPECT_EQ(session.execute("SELECT string_agg(concat_ws(' ', id, name, count), ', ' ORDER BY id) FROM public.target")
                  .text(0, 0),
              "1 three 11, 2 again 12, 4 four 11");
    session.execute("ROLLBACK");
    writer->roll_back();
  }
}

TEST_F(TableWriterTest, ARefusedValueLeavesTheTransactionToTheCaller) {
  ChangeSet set(layout);
  const Json key = number("1");
  change(set, [&](Changes& changes) { changes.upsert({&key, 1}).apply(Operation::set, 1, number("2147483648")); });
  session.execute("BEGIN; SAVEPOINT s");
  try {
    writer->write(session, set, trust);
    ADD_FAILURE();
  } catch (const SqlError& error) {
    EXPECT_EQ(error.sqlstate, "22003");
    EXPECT_TRUE(error.blames_data());
  }
  session.execute("ROLLBACK TO SAVEPOINT s; COMMIT");
  EXPECT_EQ(rows(), Lines{});
}

TEST(TableWriterKeyOnly, ARuleWithoutColumnsCreatesItsRow) {
  test::Database database;
  database.execute("CREATE TABLE target (b uuid, a numeric(5,2), c text DEFAULT 'c', PRIMARY KEY (a, b))");
  Session session(database.dsn(), "commit", Session::Access::read_write);
  TableLayout layout{"target", {{"a", ColumnType::numeric, 2, {}}, {"b", ColumnType::uuid, {}, {}}}, {}};
  const CatalogueTable table = *read_table(session, "target");
  TableWriter writer(layout, table, 0, 0);
  writer.prepare(session, "test");
  ChangeSet set(layout);
  const std::vector<Json> key{number("1.5"), text("{00000000000000000000000000000001}")};
  Changes changes(layout);
  changes.upsert(key);
  changes.move_into(set);
  for (int round = 0; round < 2; ++round) writer.write(session, set, TableWriter::Trust::nothing);
  EXPECT_EQ(database.rows("SELECT * FROM target"), Lines{"00000000-0000-0000-0000-000000000001|1.50|c"});
  ChangeSet removal(layout);
  changes.remove(key);
  changes.move_into(removal);
  EXPECT_EQ(writer.write(session, removal, TableWriter::Trust::nothing).rows_deleted, 1U);
}

}  // namespace
}  // namespace rebuild_projection

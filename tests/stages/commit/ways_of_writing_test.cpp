// Without this file a row that this run knows to be new or to be there (COPY, UPDATE) could become another one than by
// the MERGE that looks for itself: in a default, a conversion, a rounding, a list or a NULL.
#include <gtest/gtest.h>

#include <random>

#include "pipeline/changes.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/catalogue_query.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

using Trust = TableWriter::Trust;

constexpr const char* columns =
    "(id integer PRIMARY KEY, t text DEFAULT E'd\"e\\\\f\\tg', v varchar(5), n numeric(8,2) NOT NULL DEFAULT 1.5,"
    " i smallint DEFAULT 10, b bigint, least numeric, latest timestamptz, a text[] DEFAULT '{}', a2 integer[],"
    " j jsonb DEFAULT '{\"a\": 1.10}', w timestamptz DEFAULT now(), o boolean DEFAULT true, y bytea, c char(3) DEFAULT "
    "'x', d date DEFAULT '2020-02-02', f double precision DEFAULT 'NaN', e mood DEFAULT 'sad', p positive DEFAULT 7,"
    " z text DEFAULT lower('Z'), given numeric DEFAULT 3 CHECK (given > 0), other text DEFAULT 'untouched')";

/// A column, what may be done to it, and values to do it with.
struct Subject {
  Column column;
  std::vector<std::string> values;
  bool numbers = false;
};

std::vector<Subject> subjects() {
  using enum Operation;
  std::vector<std::string> texts{"", "NULL", "\\N", "\\.", "a\tb\nc\rd", "é€😀"};
  texts.emplace_back("back\\slash \"quoted\" 'single' {,}");
  return {
      {{"t", ColumnType::text, {}, set}, texts},
      {{"v", ColumnType::text, {}, set | init}, {"abc", "abcde", "ab     ", "é€😀"}},
      {{"n", ColumnType::numeric, 2, set | add}, {"0.01", "-3.5", "100", "2.345"}, true},
      {{"i", ColumnType::integer, 0, set | add}, {"1", "-2", "3"}, true},
      {{"b", ColumnType::integer, 0, set | init | add}, {"5", "4000000000000", "-1"}, true},
      {{"least", ColumnType::numeric, {}, set | min}, {"1.0", "1.00", "7", "-1e3", "12345678901234567890.5"}, true},
      {{"latest", ColumnType::timestamp, {}, set | init | max},
       {"2025-01-01 00:00:00+00", "2025-01-01 00:00:00.123456+00", "2024-12-31 23:59:59+02"}},
      {{"a", ColumnType::array, {}, append}, texts},
      {{"a2", ColumnType::array, {}, append}, {"1", "-2147483648", "0"}},
      {{"j", ColumnType::other, {}, set}, {"1.10", "[1, {\"b\": \"c\\n\"}]", "null", "\"t\\tx\""}},
      {{"w", ColumnType::timestamp, {}, set}, {"2025-01-01 00:00:00+00", "infinity"}},
      {{"o", ColumnType::boolean, {}, set}, {"true", "off"}},
      {{"y", ColumnType::other, {}, set}, {"\\x00ff", "plain", "a\\\\b"}},
      {{"c", ColumnType::text, {}, set}, {"", "ab", "abc", "a    "}},
      {{"d", ColumnType::other, {}, set}, {"2024-02-29", "Jan 5 1999"}},
      {{"f", ColumnType::floating, {}, set}, {"0.1", "-1e300", "Infinity"}},
      {{"e", ColumnType::text, {}, set}, {"sad", "happy"}},
      {{"p", ColumnType::integer, 0, set | add}, {"1", "2"}, true},
      {{"z", ColumnType::text, {}, set}, texts},
      {{"given", ColumnType::numeric, {}, set | add}, {"1.10", "2", "0.001"}, true},
  };
}

class WaysOfWriting : public testing::Test {
 protected:
  WaysOfWriting() : session(database.dsn(), "commit", Session::Access::read_write) {
    database.execute("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0)");
    for (const std::string name : {"merged", "known"}) database.execute("CREATE TABLE " + name + columns);
    layout.updates = true;
    layout.key = {{"id", ColumnType::integer, 0, {}}};
    for (const Subject& subject : all) layout.columns.push_back(subject.column);
    merged_table = *read_table(session, "merged");
    known_table = *read_table(session, "known");
    merged = std::make_unique<TableWriter>(layout, merged_table, 0);
    known = std::make_unique<TableWriter>(layout, known_table, std::size_t{1} << 20);
    merged->prepare(session, "merged");
    known->prepare(session, "known");
  }

  std::size_t below(std::size_t limit) { return random() % limit; }

  void change_column(Changes::Row& row, std::size_t column) {
    const Subject& subject = all[column];
    std::vector<Operation> possible;
    for (const Operation operation : all_operations)
      if (subject.column.operations.has(operation)) possible.push_back(operation);
    const Operation operation = possible[below(possible.size())];
    const bool is_null = below(8) == 0 && (operation == Operation::append || operation == Operation::set) &&
                         subject.column.name != "n";  // which must not be NULL
    const std::string& value = subject.values[below(subject.values.size())];
    row.apply(
        operation, column,
        is_null ? Json{Json::Kind::null, {}} : Json{subject.numbers ? Json::Kind::number : Json::Kind::string, value});
  }

  /// What one event does.
  void event(ChangeSet& set, std::size_t keys, const std::vector<std::size_t>& among) {
    const std::string id = std::to_string(below(keys));
    const Json key{Json::Kind::number, id};
    Changes changes(layout);
    const std::size_t what = below(10);
    if (what == 0) {
      changes.remove({&key, 1});
    } else {
      auto row = what < 3 ? changes.update({&key, 1}) : changes.upsert({&key, 1});
      for (const std::size_t column : among)
        if (below(3) > 0) change_column(row, column);
    }
    changes.move_into(set);
  }

  /// Both ways, in one transaction, so that now() is the same.
  void write(const ChangeSet& set) {
    session.execute("BEGIN");
    const auto expected = merged->write(session, set, Trust::nothing);
    const auto written = known->write(session, set, Trust::what_is_known);
    EXPECT_EQ(written.rows_written, expected.rows_written);
    EXPECT_EQ(written.rows_deleted, expected.rows_deleted);
    session.execute("COMMIT");
    merged->commit();
    known->commit();
  }
  void look_if_empty() {
    session.execute("BEGIN");
    known->look_if_empty(session);
    session.execute("COMMIT");
    known->commit();
  }
  void create(const std::string& id, ChangeSet& set) {
    const Json key{Json::Kind::number, id};
    Changes changes(layout);
    changes.upsert({&key, 1}).set("z", "new");
    changes.move_into(set);
  }
  std::string refusal(const ChangeSet& set) {
    session.execute("BEGIN");
    std::string result;
    try {
      known->write(session, set, Trust::what_is_known);
    } catch (const SqlError& error) {
      result = error.sqlstate;
    } catch (const RowsNotAsKnown&) {
      result = "not as known";
    }
    session.execute("ROLLBACK");
    known->roll_back();
    return result;
  }

  std::minstd_rand random{11};
  const std::vector<Subject> all = subjects();
  test::Database database;
  Session session;
  TableLayout layout;
  CatalogueTable merged_table, known_table;
  std::unique_ptr<TableWriter> merged, known;
};

TEST_F(WaysOfWriting, MakeTheSameRows) {
  look_if_empty();
  std::size_t rows = 0;
  for (int batch = 0; batch < 200; ++batch) {
    // Batches that change few columns each have other statements than those that change many.
    std::vector<std::size_t> among;
    const std::size_t one_in = 1 + below(4);
    for (std::size_t column = 0; column < all.size(); ++column)
      if (below(one_in) == 0) among.push_back(column);
    ChangeSet set(layout);
    for (std::size_t events = 1 + below(60); events > 0; --events) event(set, 25, among);
    write(set);
    const auto expected = database.rows("SELECT merged::text FROM merged ORDER BY id");
    ASSERT_EQ(database.rows("SELECT known::text FROM known ORDER BY id"), expected) << "batch " << batch;
    rows += expected.size();
  }
  EXPECT_GT(rows, 2'000U);
}

TEST_F(WaysOfWriting, ANewRowThatIsThereIsAUniqueViolation) {
  look_if_empty();
  database.execute("INSERT INTO known (id) VALUES (2)");
  ChangeSet set(layout);
  for (const char* id : {"1", "2", "3"}) create(id, set);
  // w is set to nothing, and only the server knows its default: such rows are merged.
  EXPECT_EQ(refusal(set), "");
  for (const char* id : {"1", "2", "3"}) {
    const Json key{Json::Kind::number, id};
    Changes changes(layout);
    changes.upsert({&key, 1}).set("w", "2025-01-01 00:00:00+00");
    changes.move_into(set);
  }
  EXPECT_EQ(refusal(set), "23505");
}

TEST_F(WaysOfWriting, AKnownRowThatIsGoneIsNoticed) {
  ChangeSet set(layout);
  for (const char* id : {"1", "2", "3"}) create(id, set);
  write(set);
  EXPECT_EQ(refusal(set), "");
  database.execute("DELETE FROM known WHERE id = 2");
  EXPECT_EQ(refusal(set), "not as known");
}

}  // namespace
}  // namespace rebuild_projection

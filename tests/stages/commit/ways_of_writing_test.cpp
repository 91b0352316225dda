// Without this file a row that this run knows to be new or to be there (COPY, UPDATE) could become another one than by
// the MERGE that looks for itself: in a default, a conversion, a rounding, a list or a NULL.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>

#include "pipeline/changes.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/catalogue_query.h"
#include "tests/support/database.h"
#include "tests/support/proxy.h"

namespace rebuild_projection {
namespace {

using Trust = TableWriter::Trust;

const std::vector<std::string> definitions{
    "id integer PRIMARY KEY",
    "t text DEFAULT E'd\"e\\\\f\\tg'",
    "v varchar(5)",
    "n numeric(8,2) NOT NULL DEFAULT 1.5",
    "i smallint DEFAULT 10",
    "b bigint",
    "least numeric",
    "latest timestamptz",
    "a text[] DEFAULT '{}'",
    "a2 integer[]",
    "j jsonb DEFAULT '{\"a\": 1.10}'",
    "w timestamptz DEFAULT now()",
    "o boolean DEFAULT true",
    "y bytea",
    "c char(3) DEFAULT 'x'",
    "d date DEFAULT '2020-02-02'",
    "f double precision DEFAULT '-0.5'",
    "e mood DEFAULT 'sad'",
    "p positive DEFAULT 7",
    "z text DEFAULT lower('Z')",
    "given numeric DEFAULT 3 CHECK (given > 0)",
    "x numeric",
    "x4 numeric(12,-2) DEFAULT 'NaN'",
    "u uuid DEFAULT '00000000-0000-0000-0000-00000000000a'",
    "s timestamp(3)",
    "w2 timestamptz(0) DEFAULT '-infinity'",
    "r real DEFAULT 0.1",
    "m json DEFAULT '{ \"a\" : 1.10}'",
    "h short DEFAULT 'abc'",
    "k mood2",
    "other text DEFAULT 'untouched'",
};

/// A column, what may be done to it, and values to do it with.
struct Subject {
  Column column;
  std::vector<std::string> values;
  bool numbers = false;
  std::vector<std::string> odd = {};  // seldom: values that the binary format leaves to the text
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
      {{"o", ColumnType::boolean, {}, set}, {"true", "false", "t"}, false, {"off", " TRUE", "1"}},
      {{"y", ColumnType::other, {}, set}, {"\\x00ff", "plain", "a\\\\b"}},
      {{"c", ColumnType::text, {}, set}, {"", "ab", "abc", "a    "}},
      {{"d", ColumnType::other, {}, set},
       {"2024-02-29", "1999-12-31", "0001-01-01"},
       false,
       {"Jan 5 1999", "infinity"}},
      {{"f", ColumnType::floating, {}, set},
       {"0.1", "-1e300", "5e-324", "-0", "123456789.123456789"},
       false,
       {"Infinity", "NaN", " 1"}},
      {{"e", ColumnType::text, {}, set}, {"sad", "happy"}},
      {{"p", ColumnType::integer, 0, set | add}, {"1", "2"}, true},
      {{"z", ColumnType::text, {}, set}, texts},
      {{"x", ColumnType::numeric, {}, set},
       {"0", "-0", "0.00", "1.50", "-0.000123", "10000", "99990000", "0.00010000",
        "12345678901234567890123.45678901234", std::string(300, '9') + "." + std::string(300, '1'), "007.10"},
       false,
       {"1e3", "NaN", "-12E-5", "+5", " 7 ", ".5", "5.", "1" + std::string(4'000, '0')}},
      {{"x4", ColumnType::numeric, {}, set}, {"1250", "-1249.99", "0"}, false, {"1e3"}},
      {{"u", ColumnType::uuid, {}, set},
       {"0123abcd-ef01-2345-6789-0123456789ab", "0123ABCD-EF01-2345-6789-0123456789AB",
        "{0123abcdef012345-67890123456789ab}"}},
      {{"s", ColumnType::timestamp, {}, set},
       {"2025-01-01 00:00:00+00", "1999-12-31 23:59:59.9996+00"},
       false,
       {"2025-01-01T00:00:00+05:30", "infinity", "epoch"}},
      {{"w2", ColumnType::timestamp, {}, set},
       {"2025-01-01 00:00:00.5+00", "2025-01-01T00:00:00.123456789-03:30", "infinity", "-infinity",
        "294276-12-31 23:59:59.4+00", "4714-11-24 00:00:00+00 BC", "2024-02-29T24:00:00Z", "2025-01-01"},
       false,
       {"epoch", "Jan 5 1999"}},
      {{"r", ColumnType::floating, {}, set}, {"0.1", "-1e38", "16777217", "1e-45"}, false, {"-Infinity"}},
      {{"m", ColumnType::other, {}, set}, {"1.10", "[1,  {\"b\": \"c\\n\"}]", "\"é\""}},
      {{"h", ColumnType::text, {}, set}, {"", "é€😀x", "ab   "}},
      {{"k", ColumnType::text, {}, set}, {"sad"}},
      {{"given", ColumnType::numeric, {}, set | add}, {"1.10", "2", "0.001"}, true},
  };
}

/// The columns that a table lacks: it takes all of them to be known in the binary format before a row goes that way.
struct Lacks {
  std::string name;
  std::vector<std::string> columns;
  [[nodiscard]] bool has(const std::string& column) const {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  }
};
const Lacks lacks_nothing{"nothing", {}};
const Lacks lacks_what_is_text_only{"what_is_text_only", {"a", "a2", "y"}};
/// And whose defaults only the server knows.
const Lacks lacks_what_is_not_binary{"what_is_not_binary", {"a", "a2", "y", "w", "x4"}};

class WaysOfWriting : public testing::TestWithParam<Lacks> {
 protected:
  WaysOfWriting() {
    database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0);"
        "CREATE DOMAIN short AS varchar(4) CHECK (VALUE <> 'never'); CREATE DOMAIN mood2 AS mood");
    std::string columns;
    for (const std::string& definition : definitions)
      if (!GetParam().has(definition.substr(0, definition.find(' '))))
        columns += (columns.empty() ? "" : ", ") + definition;
    for (const std::string name : {"merged", "known"}) database.execute("CREATE TABLE " + name + " (" + columns + ")");
    layout.updates = true;
    layout.key = {{"id", ColumnType::integer, 0, {}}};
    for (const Subject& subject : all) layout.columns.push_back(subject.column);
    merged_table = *read_table(session, "merged");
    known_table = *read_table(session, "known");
    merged = std::make_unique<TableWriter>(layout, merged_table, 0, 1);
    known = std::make_unique<TableWriter>(layout, known_table, std::size_t{1} << 20, 1);
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
    const auto& values = !subject.odd.empty() && below(odd_one_in) == 0 ? subject.odd : subject.values;
    const std::string& value = values[below(values.size())];
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

  /// What every batch of `events` random events leaves in both tables must be the same.
  void write_random(std::size_t events, std::size_t keys, const std::vector<std::size_t>& among) {
    ChangeSet set(layout);
    for (; events > 0; --events) event(set, keys, among);
    write(set);
    const auto expected = database.rows("SELECT merged::text FROM merged ORDER BY id");
    ASSERT_EQ(database.rows("SELECT known::text FROM known ORDER BY id"), expected);
    rows_seen += expected.size();
  }
  std::vector<std::size_t> all_columns() const {
    std::vector<std::size_t> columns(all.size());
    std::iota(columns.begin(), columns.end(), 0U);
    return columns;
  }

  std::minstd_rand random{11};
  std::size_t odd_one_in = 40;
  std::size_t rows_seen = 0;
  const std::vector<Subject> all = [] {
    std::vector<Subject> result = subjects();
    std::erase_if(result, [](const Subject& subject) { return GetParam().has(subject.column.name); });
    return result;
  }();
  test::Database database;
  std::atomic<std::uint64_t> copied_as_text = 0, copied_as_binary = 0;  // rows
  const test::Proxy proxy{[this, is_binary = false](const test::Message& message) mutable {
    if (message.from_client && message.type == 'Q' && message.body.starts_with("COPY"))
      is_binary = message.body.find("(FORMAT binary)") != std::string_view::npos;
    if (test::completes(message, "COPY"))
      (is_binary ? copied_as_binary : copied_as_text) += std::stoull(std::string(message.body.substr(5)));
    return test::Verdict::pass;
  }};
  Session session{proxy.dsn(database.name()), "commit", Session::Access::read_write};
  TableLayout layout;
  CatalogueTable merged_table, known_table;
  std::unique_ptr<TableWriter> merged, known;
};

TEST_P(WaysOfWriting, MakeTheSameRows) {
  look_if_empty();
  for (int batch = 0; batch < 200; ++batch) {
    SCOPED_TRACE(batch);
    // Batches that change few columns each have other statements than those that change many.
    std::vector<std::size_t> among;
    const std::size_t one_in = 1 + below(4);
    for (std::size_t column = 0; column < all.size(); ++column)
      if (below(one_in) == 0) among.push_back(column);
    ASSERT_NO_FATAL_FAILURE(write_random(1 + below(60), 25, among));
  }
  EXPECT_GT(rows_seen, 2'000U);
}

/// Large batches go in both formats, each row in the one that it can have.
TEST_P(WaysOfWriting, MakeTheSameRowsOfManyAtOnce) {
  look_if_empty();
  for (const std::size_t one_in : {300U, 40U, 1U}) {
    odd_one_in = one_in;
    ASSERT_NO_FATAL_FAILURE(write_random(6'000, 4'000, all_columns()));
    session.execute("BEGIN");
    for (TableWriter* writer : {merged.get(), known.get()}) writer->clear(session, true);
    session.execute("COMMIT");
    known->commit();
  }
  EXPECT_GT(copied_as_text, 100U);
  if (GetParam().columns.empty())
    EXPECT_EQ(copied_as_binary, 0U);
  else
    EXPECT_GT(copied_as_binary, 1'000U);
}

TEST_P(WaysOfWriting, ANewRowThatIsThereIsAUniqueViolation) {
  look_if_empty();
  database.execute("INSERT INTO known (id) VALUES (2)");
  ChangeSet set(layout);
  for (const char* id : {"1", "2", "3"}) create(id, set);
  if (GetParam().has("w")) {
    EXPECT_EQ(refusal(set), "23505");
    return;
  }
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

TEST_P(WaysOfWriting, AKnownRowThatIsGoneIsNoticed) {
  ChangeSet set(layout);
  for (const char* id : {"1", "2", "3"}) create(id, set);
  write(set);
  EXPECT_EQ(refusal(set), "");
  database.execute("DELETE FROM known WHERE id = 2");
  EXPECT_EQ(refusal(set), "not as known");
}

INSTANTIATE_TEST_SUITE_P(TableLacks, WaysOfWriting,
                         testing::Values(lacks_nothing, lacks_what_is_text_only, lacks_what_is_not_binary),
                         [](const auto& lacks) { return lacks.param.name; });

}  // namespace
}  // namespace rebuild_projection

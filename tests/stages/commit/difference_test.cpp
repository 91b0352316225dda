// Without this file VERIFY could take 1.0 and 1.00 for different, NULL and an empty text for the same, or give two
// digests to the same rows.
#include "stages/commit/difference.h"

#include <gtest/gtest.h>

#include <memory>

#include "stages/commit/column_equality.h"
#include "stages/postgres/catalogue_query.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

struct Pair {
  const char* type;
  const char* left;  ///< SQL
  const char* right;
  bool same;
};

constexpr Pair pairs[] = {
    {"integer", "1", "1", true},
    {"integer", "1", "2", false},
    {"integer", "0", "NULL", false},
    {"text", "''", "NULL", false},
    {"text", "NULL", "NULL", true},
    {"text", "'a'", "'a '", false},
    {"text COLLATE any_case", "'a'", "'A'", false},
    {"character(3)", "'a'", "'a '", true},
    {"character varying(9)", "'a'", "'b'", false},
    {"numeric", "1.0", "1.00", true},
    {"numeric", "1.0", "1.01", false},
    {"numeric", "100", "1e2", true},
    {"numeric", "'NaN'", "'NaN'", true},
    {"numeric", "'NaN'", "NULL", false},
    {"price", "1.0", "1.00", true},
    {"price", "1.0", "2", false},
    {"real", "'-0'", "0", true},
    {"double precision", "0.1", "0.10000000000000001", true},
    {"double precision", "0.1", "0.11", false},
    {"numeric[]", "'{1.0,NULL,-2.50,10}'", "'{1.00,NULL,-2.5,10}'", true},
    {"numeric[]", "'{1.0}'", "'[0:0]={1.0}'", false},
    {"numeric[]", "'{1.0,2}'", "'{1.0,20}'", false},
    {"text[]", "'{1.0}'", "'{1.00}'", false},
    {"text[]", "'{}'", "NULL", false},
    {"jsonb", R"('{"a": 1.0, "b": "1.00"}')", R"('{"b": "1.00", "a": 1.00}')", true},
    {"jsonb", R"('{"a": 1.0, "b": "1.0"}')", R"('{"b": "1.00", "a": 1.0}')", false},
    {"jsonb", R"('["\" 1.0", 2.50]')", R"('["\" 1.0", 2.5]')", true},
    {"jsonb", R"('["\" 1.0", 10]')", R"('["\" 1.00", 10]')", false},
    {"jsonb", "'null'", "NULL", false},
    {"json", "'{}'", "'{}'", true},
    {"json", "'{}'", "'{ }'", false},
    {"xml", "'<a/>'", "'<a/>'", true},
    {"point", "'(1,2)'", "'(1,2)'", true},
    {"point", "'(1,2)'", "'(1,3)'", false},
    {"interval", "'1 day'", "'1 day'", true},
    {"interval", "'1 day'", "'24:00'", false},
    {"bytea", "'\\x00'", "'\\x'", false},
    {"timestamptz", "'2025-01-01Z'", "'2025-01-01 01:00+01'", true},
    {"timestamptz", "'infinity'", "'2025-01-01'", false},
    {"uuid", "'00000000-0000-0000-0000-00000000000a'", "'{0000000000000000000000000000000A}'", true},
    {"mood", "'good'", "'good'", true},
    {"mood", "'good'", "'bad'", false},
    {"numrange", "'[1,2)'", "'[1,3)'", false},
};

class DifferenceTest : public testing::Test {
 protected:
  DifferenceTest() : session(database.dsn(), "commit", Session::Access::read_write) {
    database.execute(
        "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
        " CREATE DOMAIN price AS numeric CHECK (VALUE > 0); CREATE TYPE mood AS ENUM ('good', 'bad')");
  }
  /// A live table and one with what is expected, of the same columns, with the key `id`.
  void make(const std::string& columns, std::vector<Column> written) {
    database.execute("CREATE TABLE live (id integer, " + columns + "); CREATE UNIQUE INDEX ON live (id);" +
                     " CREATE TABLE expected (LIKE live)");
    table = *read_table(session, "live");
    layout.key = {{"id", ColumnType::integer, 0, {}}};
    layout.columns = std::move(written);
    difference = std::make_unique<Difference>(layout, table, "public.expected");
  }
  /// "missing 3", "different 4: a, b", …
  std::vector<std::string> listed(bool show_values = false) {
    std::vector<std::string> result;
    session.execute("BEGIN");
    difference->list(session, show_values, [&](Drift&& drift) {
      result.push_back(std::string(name_of(drift.kind)) + " " + drift.key.front().value_or("NULL"));
      for (const std::string& column : drift.columns)
        result.back() += (&column == &drift.columns.front() ? ": " : ", ") + column;
      return true;
    });
    session.execute("COMMIT");
    return result;
  }

  test::Database database;
  Session session;
  CatalogueTable table;
  TableLayout layout;
  std::unique_ptr<Difference> difference;
};

TEST_F(DifferenceTest, SaysOfEveryTypeWhatIsTheSame) {
  int number = 0;
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(std::string(pair.type) + ": " + pair.left + " and " + pair.right);
    const std::string name = "of_" + std::to_string(++number);
    database.execute("CREATE TABLE " + name + " (id integer PRIMARY KEY, a " + pair.type + "); INSERT INTO " + name +
                     " VALUES (1, " + pair.left + "), (2, " + pair.right + ")");
    const CatalogueTable catalogue = *read_table(session, name);
    const CatalogueColumn& column = *catalogue.find("a");
    const std::string from = " FROM public." + name + " l, public." + name + " r WHERE l.id = 1 AND r.id = 2";
    const std::string same(session.execute("SELECT " + same_sql(column, "l.a", "r.a") + from).text(0, 0));
    EXPECT_EQ(same, pair.same ? "t" : "f");
    const std::string text(session
                               .execute("SELECT " + canonical_sql(column, "l.a") +
                                        " COLLATE \"C\" IS NOT DISTINCT FROM " + canonical_sql(column, "r.a") + from)
                               .text(0, 0));
    EXPECT_EQ(text, same) << "the digest says otherwise";
  }
}

TEST_F(DifferenceTest, CountsAndListsByKeyAndColumn) {
  make("a text, b numeric, other text",
       {{"a", ColumnType::text, {}, Operation::set}, {"b", ColumnType::numeric, {}, Operation::set}});
  database.execute(
      "INSERT INTO expected VALUES (1, 'x', 1.0), (2, '', 2), (3, 'x', 3), (4, 'x', 4), (5, 'x', NULL);"
      "INSERT INTO live VALUES (1, 'x', 1.00), (2, NULL, 2), (4, 'y', 5), (5, 'x', NULL), (6, 'x', 6),"
      " (NULL, 'x', 1); UPDATE live SET other = 'not compared' WHERE id = 1");
  const Comparison found = difference->count(session);
  EXPECT_EQ(found.expected_rows, 5U);
  EXPECT_EQ(found.live_rows, 6U);
  EXPECT_EQ(found.equal, 2U);
  EXPECT_EQ(found.missing, 1U);
  EXPECT_EQ(found.extra, 2U);
  EXPECT_EQ(found.different, 2U);
  ASSERT_EQ(found.columns.size(), 2U);
  EXPECT_EQ(found.columns[0].name, "a");
  EXPECT_EQ(found.columns[0].rows, 2U);
  EXPECT_EQ(found.columns[1].name, "b");
  EXPECT_EQ(found.columns[1].rows, 1U);
  EXPECT_EQ(listed(),
            (std::vector<std::string>{"different 2: a", "missing 3", "different 4: a, b", "extra 6", "extra NULL"}));
}

TEST_F(DifferenceTest, ATableOfKeysAlone) {
  make("other text", {});
  database.execute("INSERT INTO expected VALUES (1), (2); INSERT INTO live VALUES (2), (3)");
  EXPECT_EQ(difference->count(session).equal, 1U);
  EXPECT_EQ(listed(), (std::vector<std::string>{"missing 1", "extra 3"}));
  EXPECT_NE(difference->expected_digest(session), difference->live_digest(session));
}

TEST_F(DifferenceTest, AsManyColumnsAsATableMayHave) {
  std::string columns;
  std::vector<Column> written;
  for (int column = 1; column < 1600; ++column) {
    columns += (column == 1 ? "c" : ", c") + std::to_string(column) + " integer";
    written.push_back({"c" + std::to_string(column), ColumnType::integer, 0, Operation::set});
  }
  make(columns, std::move(written));
  database.execute(
      "INSERT INTO expected (id, c1, c1599) VALUES (1, 1, 1), (2, 1, 1), (3, 1, 1);"
      "INSERT INTO live (id, c1, c1599) VALUES (1, 1, 1), (2, NULL, 2), (4, 1, 1)");
  const Comparison found = difference->count(session);
  EXPECT_EQ(found.equal, 1U);
  EXPECT_EQ(found.different, 1U);
  EXPECT_EQ(found.columns.size(), 2U);
  for (const bool show_values : {false, true}) EXPECT_EQ(listed(show_values).front(), "different 2: c1, c1599");
}

TEST_F(DifferenceTest, ADigestIsOfTheRowsAlone) {
  make("name text, price numeric",
       {{"price", ColumnType::numeric, {}, Operation::set}, {"name", ColumnType::text, {}, Operation::set}});
  database.execute(
      "INSERT INTO expected SELECT n, 'row ' || n, n FROM generate_series(1, 3000) n;"
      "INSERT INTO live SELECT n, 'row ' || n, n + 0.00 FROM generate_series(1, 3000) n ORDER BY md5(n::text);"
      "ALTER TABLE live ADD padding text; DELETE FROM live WHERE id < 100;"
      "INSERT INTO live SELECT n, 'row ' || n, n FROM generate_series(1, 99) n");
  const std::string digest = difference->expected_digest(session);
  EXPECT_EQ(difference->live_digest(session), digest);
  // Made without any of the code: the columns by name, the digests of the rows sorted.
  EXPECT_EQ(database.value(
                "SELECT encode(sha256(convert_to('\"id\", \"name\", \"price\"', 'UTF8') ||"
                " string_agg(part, '' ORDER BY first)), 'hex') FROM (SELECT substr(h, 1, 2) AS first,"
                " sha256(string_agg(h, '' ORDER BY h)) AS part FROM (SELECT sha256(convert_to("
                "'(' || n || ',\"row ' || n || '\",' || n || ')', 'UTF8')) AS h FROM generate_series(1, 3000) n) AS r"
                " GROUP BY 1) AS parts"),
            digest);
  database.execute("UPDATE live SET name = NULL WHERE id = 7");
  EXPECT_NE(difference->live_digest(session), digest);
}

TEST_F(DifferenceTest, ADigestTellsNullFromEmpty) {
  make("name text", {{"name", ColumnType::text, {}, Operation::set}});
  database.execute("INSERT INTO expected VALUES (1, ''); INSERT INTO live VALUES (1, NULL)");
  EXPECT_NE(difference->expected_digest(session), difference->live_digest(session));
}

}  // namespace
}  // namespace rebuild_projection

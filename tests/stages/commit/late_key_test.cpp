// Without this file a shadow could be without its key when rows are looked for, or be given one twice.
#include "stages/commit/late_key.h"

#include <gmock/gmock.h>

#include "stages/commit/side_table.h"
#include "stages/postgres/catalogue_query.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

using testing::ElementsAre;

class LateKeyTest : public testing::Test {
 protected:
  LateKeyTest() : session(database.dsn(), "commit", Session::Access::read_write) {
    database.execute(
        "CREATE SCHEMA meta; CREATE TABLE live (\"a b\" integer, c text, d text UNIQUE, PRIMARY KEY (\"a b\", c));"
        " CREATE UNIQUE INDEX ON live (c, \"a b\")");
    layout.key = {{"a b", ColumnType::integer, 0, {}}, {"c", ColumnType::text, {}, {}}};
    layout.columns = {{"d", ColumnType::text, {}, Operation::set}};
    side = make_side_table(session, *read_table(session, "live"), layout, "meta", "side");
    drop_key(session, layout, side);
  }

  std::vector<std::string> indexes() {
    std::vector<std::string> result;
    const Rows rows = session.execute(
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') FROM pg_index WHERE indisunique"
        " AND indrelid = " +
        std::to_string(side.oid) + " ORDER BY 1");
    for (std::size_t row = 0; row < rows.size(); ++row) result.emplace_back(rows.text(row, 0));
    return result;
  }

  test::Database database;
  Session session;
  TableLayout layout;
  CatalogueTable side;
};

constexpr const char* key = "btree (\"a b\", c)";
constexpr const char* other = "btree (d)";

TEST_F(LateKeyTest, OnlyTheKeyGoesAndItsColumnsStayNotNull) {
  EXPECT_THAT(indexes(), ElementsAre(other));
  EXPECT_EQ(side.indexes.size(), 1U);
  EXPECT_TRUE(read_table(session, side.oid)->find("c")->not_null);
}

TEST_F(LateKeyTest, IsMadeOnceAndCountsFromCommitOn) {
  LateKey late(layout, side);
  session.execute("BEGIN");
  late.need(session);
  late.need(session);
  EXPECT_THAT(indexes(), ElementsAre(key, other));
  session.execute("ROLLBACK");
  late.roll_back();
  session.execute("BEGIN");
  late.need(session);
  session.execute("COMMIT");
  late.commit();
  late.roll_back();
  late.need(session);
  EXPECT_THAT(indexes(), ElementsAre(key, other));
}

TEST_F(LateKeyTest, GoesWithAPartThatIsRolledBackAlone) {
  LateKey late(layout, side);
  session.execute("BEGIN; SAVEPOINT part");
  bool mark = late.mark();
  late.need(session);
  session.execute("ROLLBACK TO SAVEPOINT part");
  late.roll_back_to(mark);
  EXPECT_THAT(indexes(), ElementsAre(other));
  late.need(session);
  mark = late.mark();
  late.roll_back_to(mark);  // what the part before it made, stays
  late.need(session);
  session.execute("COMMIT");
  EXPECT_THAT(indexes(), ElementsAre(key, other));
}

TEST_F(LateKeyTest, ATableWithItsKeyIsLeftAsItIs) {
  const CatalogueTable live = *read_table(session, "live");
  LateKey late(layout, live);
  late.need(session);
  EXPECT_EQ(database.value("SELECT count(*) FROM pg_index WHERE indrelid = 'live'::regclass"), "3");
}

}  // namespace
}  // namespace rebuild_projection

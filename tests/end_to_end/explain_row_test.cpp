// Without this file --explain-row could leave out an event that touched the row, or say of one what it did not do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/database.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;
using Lines = std::vector<std::string>;

constexpr const char* orders = R"(
name  = "orders"
table = "orders"
key   = ["order_id"]
[[on]]
event = "paid"
rows  = "update"
key   = { order_id = "@stream_id" }
set   = { status = { literal = "paid" } }
add   = { payments = 1, paid = "/amount" }
[[on]]
event = "placed"
key   = { order_id = "@stream_id" }
init  = { placed_at = "@ts" }
set   = { status = { literal = "open" } }
[[on]]
event = "looked_at"
key   = { order_id = "@stream_id" }
[[on]]
event  = "dropped"
key    = { order_id = "@stream_id" }
delete = true
)";

constexpr const char* lines = R"(
name  = "lines"
table = "lines"
key   = ["product", "shop"]
[[on]]
event    = "placed"
for_each = "/lines/*"
key      = { shop = "@stream_id", product = "./product" }
add      = { sold = "./number" }
)";

class ExplainRowTest : public testing::Test {
 protected:
  ExplainRowTest() {
    store.database.execute(
        "CREATE TABLE orders (order_id text PRIMARY KEY, status text, payments bigint NOT NULL DEFAULT 0, paid numeric"
        " NOT NULL DEFAULT 0, placed_at timestamptz);"
        " CREATE TABLE lines (product text, shop text, sold numeric NOT NULL DEFAULT 0, PRIMARY KEY (product, shop))");
    store.projections.write("orders.toml", orders);
    store.projections.write("lines.toml", lines);
    std::uint64_t number = 0;
    for (const auto& [type, payload] : std::vector<std::pair<std::string, std::string>>{
             {"paid", R"({"amount": 1})"},
             {"placed", R"({"lines": [{"product": "a=b, c", "number": 2}, {"product": "x", "number": 1.50}]})"},
             {"unknown", "{}"},
             {"paid", R"({"amount": 2.50})"},
             {"looked_at", "{}"},
             {"dropped", "{}"},
             {"placed", R"({"lines": [{"product": "x", "number": 4}]})"}}) {
      ++number;
      store.database.append(number, number, type, "A-1", payload);
      store.database.append(100 + number, number, type, "B-2", payload);
    }
  }
  Outcome explain(const std::string& projection, const std::string& key, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--projection", projection, "--explain-row", key});
    return store.run(more);
  }
  /// "event number: effect" and the columns, from the summary's JSON.
  static Lines told(const Outcome& run) {
    Lines result;
    if (!run.summary.is_object() || !run.summary.contains("explained")) return result;
    for (const auto& event : run.summary["explained"]["events"]) {
      std::string line = event["event_id"].get<std::string>().substr(34) + " " + event["row"].get<std::string>();
      for (const auto& column : event["columns"]) {
        line += ", " + column["operation"].get<std::string>() + " " + column["column"].get<std::string>();
        if (column.contains("value")) line += " " + column["value"].get<std::string>();
      }
      result.push_back(line);
    }
    return result;
  }

  Recruiting store;
};

TEST_F(ExplainRowTest, SaysWhatEachEventDid) {
  ASSERT_EQ(store.apply("orders").exit_code, 0);
  const std::string before = store.everything();
  const Outcome run = explain("orders", "A-1");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(told(run),
            (Lines{"01 no effect: the row was absent", "02 created, set status, init placed_at",
                   "04 changed, set status, add payments, add paid", "05 no effect: no column was to be changed",
                   "06 deleted", "07 created, set status, init placed_at"}));
  EXPECT_THAT(run.out, HasSubstr("row public.orders: order_id = A-1\n"));
  EXPECT_THAT(run.out, HasSubstr("by the events  the row is there\nlive           the row is as the events say\n"));
  EXPECT_EQ(run.summary["events_read"], 6);  // of this stream, and of the types that the projection names
  ASSERT_TRUE(store.wait_until_gone());
  EXPECT_EQ(store.everything(), before);
}

TEST_F(ExplainRowTest, EndsWithWhatDiffersInTheLiveRow) {
  ASSERT_EQ(store.apply("orders").exit_code, 0);
  store.database.execute("UPDATE orders SET paid = 7, payments = 3 WHERE order_id = 'B-2'");
  EXPECT_EQ(explain("orders", "A-1").exit_code, 0);  // the other row is another matter
  Outcome run = explain("orders", "B-2");
  EXPECT_EQ(run.exit_code, 4) << run.err;
  EXPECT_THAT(run.out, HasSubstr("live           the row differs\n  different  order_id = B-2: payments, paid\n"));
  run = explain("orders", "order_id=\"B-2\"", {"--show-values"});
  EXPECT_THAT(run.out, HasSubstr("B-2: payments is \"3\", by its events \"0\", paid is \"7\", by its events \"0\"\n"));
  EXPECT_THAT(run.out, HasSubstr("               status = open\n"));
  EXPECT_EQ(told(run)[2], "68 changed, set status paid, add payments 1, add paid 2.50");

  store.database.execute("DELETE FROM orders WHERE order_id = 'B-2'");
  run = explain("orders", "B-2");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.out, HasSubstr("the row is missing"));
  run = explain("orders", "B-2", {"--to-ts", "2025-01-01T00:00:07Z"});
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_THAT(run.out, HasSubstr("by the events  the row is not there\nlive           the row is not there"));
}

TEST_F(ExplainRowTest, OfARowWithoutEvents) {
  Outcome run = explain("orders", "nobody");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("no event touches this row\n"));
  store.database.execute("INSERT INTO orders VALUES ('nobody')");
  run = explain("orders", "nobody");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.out, HasSubstr("live           the row is there, and by the events it is not\n"));
}

TEST_F(ExplainRowTest, OfAKeyOfTwoColumnsThatNeedsQuotes) {
  ASSERT_EQ(store.apply("lines").exit_code, 0);
  const Outcome run = explain("lines", R"(shop=B-2, product="a=b, c")");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(told(run), (Lines{"66 created, add sold"}));
  EXPECT_EQ(run.summary["events_read"], 2);
  EXPECT_EQ(told(explain("lines", "product=x,shop=A-1", {"--show-values"})),
            (Lines{"02 created, add sold 1.50", "07 changed, add sold 4"}));
  for (const char* wrong : {"x", "product=x", "product=x,shop=A-1,more=2", "product=x,product=y", "a,b"}) {
    const Outcome refused = explain("lines", wrong);
    EXPECT_EQ(refused.exit_code, 1) << wrong;
    EXPECT_THAT(refused.err, HasSubstr("the key of lines is product=…,shop=…, each column once")) << wrong;
  }
}

TEST_F(ExplainRowTest, WhereTheKeyIsNoStreamEveryEventIsRead) {
  store.append(1'000, 1'050);
  ASSERT_EQ(store.apply("event_rows").exit_code, 0);
  const Outcome run = explain("event_rows", "{00000000000000000000000000000400}", {"--show-values"});
  EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
  ASSERT_EQ(told(run).size(), 1U);
  EXPECT_THAT(told(run)[0], HasSubstr("created, set n 1024"));
  EXPECT_EQ(run.summary["events_read"], 14 + 51);
  EXPECT_EQ(explain("event_rows", "no uuid").exit_code, 1);
}

TEST_F(ExplainRowTest, IsOfOneProjection) {
  const Outcome run = explain("all", "A-1");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("--explain-row: a row belongs to one projection"));
}

}  // namespace
}  // namespace rebuild_projection::test

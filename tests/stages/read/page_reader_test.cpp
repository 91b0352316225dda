// Without this file a page that is cut by bytes or ends among equal timestamps or a pause in between could
// lose an event or bring it twice.
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/read/store_reader.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

using Ids = std::vector<std::string>;

class PageReaderTest : public testing::Test {
 protected:
  void create(const std::string& payload_type = "jsonb") {
    database.execute("CREATE TABLE events (ts timestamptz, id integer, kind text DEFAULT 'k', stream text, body " +
                     payload_type + ", PRIMARY KEY (ts, id))");
    session = std::make_unique<Session>(database.dsn(), "read", Session::Access::read_only);
    store = std::make_unique<EventStore>(
        read_store_text("store.toml",
                        "from = \"events\"\norder = [\"ts\", \"id\"]\nevent_id = \"id\"\nts = \"ts\"\ntype = \"kind\"\n"
                        "stream_id = \"stream\"\npayload = \"body\"\n"),
        *session);
  }
  std::unique_ptr<StoreReader> reader(EventRange range = {}, bool indexed = true) {
    return make_reader(*store, std::move(range), {.server = database.dsn(), .indexed = indexed, .readers = 2});
  }
  static Ids ids_of(const Page& page) {
    Ids ids;
    for (const StoredEvent& event : page.events) ids.push_back(event.event_id.text());
    return ids;
  }
  /// Every page up to the end; `between` is called after each.
  static Ids read_all(PageSource& source, std::size_t events_max,
                      const std::function<void(std::size_t page)>& between = {}) {
    Ids ids;
    PageSequence pages(source);
    for (std::size_t number = 0; auto page = pages.next(events_max); ++number) {
      if (ids.size() > 1'000'000) return ids;  // it begins again and again
      EXPECT_LE(page->events.size(), std::min(events_max, limits::page_events_max));
      const Ids more = ids_of(*page);
      ids.insert(ids.end(), more.begin(), more.end());
      if (between) between(number);
    }
    EXPECT_FALSE(source.next(events_max).has_value());  // the end stays the end
    return ids;
  }
  Ids ids_in_order(const std::string& condition = "true") {
    return database.rows("SELECT id FROM events WHERE " + condition + " ORDER BY ts, id");
  }

  test::Database database;
  std::unique_ptr<Session> session;
  std::unique_ptr<EventStore> store;
};

TEST_F(PageReaderTest, BringsEveryEventOnceAcrossPagesOfEqualTimes) {
  create();
  // Most pages end among the 120,000 events of one instant.
  database.execute(
      "INSERT INTO events SELECT timestamptz '2025-01-01Z' + CASE WHEN n % 100 = 0 THEN n ELSE 0 END * interval '1 s',"
      " (n::bigint * 7919) % 130003, 'k', NULL, '{}' FROM generate_series(1, 125000) n; ANALYZE events");
  const Ids expected = ids_in_order();
  for (const std::size_t events_max : {std::size_t{777}, limits::page_events_max, std::size_t{1'000'000}}) {
    const auto source = reader();
    EXPECT_TRUE(read_all(*source, events_max) == expected) << events_max;
  }
  const auto paused = reader();
  EXPECT_TRUE(read_all(*paused, 1500, [&](std::size_t page) {
                if (page % 3 == 0) paused->pause();
                if (page % 6 == 0) paused->pause();
              }) == expected);
  const auto sorted = reader({}, false);
  EXPECT_TRUE(read_all(*sorted, 1500, [&](std::size_t) { sorted->pause(); }) == expected);
}

TEST_F(PageReaderTest, ReadsTheRangeAndPartsOfItAgain) {
  create();
  database.execute(
      "INSERT INTO events SELECT timestamptz '2025-01-01Z' + n / 10 * interval '1 s', n FROM generate_series(1, 5000) "
      "n");
  const auto position = [&](int id) -> Position {
    return {database.value("SET timezone = 'UTC'; SELECT ts FROM events WHERE id = " + std::to_string(id)),
            std::to_string(id)};
  };
  EventRange range;
  range.after = position(100);
  range.last = position(4000);
  range.where.emplace_back("e.\"id\" % 2 = 0");
  for (const bool indexed : {false, true}) {
    const auto source = reader(range, indexed);
    const auto found = source->next(10);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->events, 10U);
    const Page first = found->read();
    EXPECT_EQ(ids_of(first).front(), "102");
    EXPECT_EQ(read_all(*source->again(position(200), position(300)), 7),
              ids_in_order("id > 200 AND id <= 300 AND id % 2 = 0"));
    EXPECT_EQ(read_all(*source->again(std::nullopt, position(300)), 7),
              ids_in_order("id > 100 AND id <= 300 AND id % 2 = 0"));
    Ids all = ids_of(first);
    const Ids rest = read_all(*source, 333);  // goes on where it was
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_EQ(all, ids_in_order("id > 100 AND id <= 4000 AND id % 2 = 0"));
  }
}

TEST_F(PageReaderTest, ClosesAPageByItsBytes) {
  create("text");
  // Small ones first, so that many are fetched at once when the large ones come; one is larger than a page.
  database.execute(
      "INSERT INTO events SELECT timestamptz '2025-01-01Z', n, 'k', 's', repeat('x', CASE WHEN n < 1000 THEN 10 WHEN n "
      "= 1100 THEN"
      " 6000000 ELSE 300000 END) FROM generate_series(1, 1150) n");
  for (const bool indexed : {false, true}) {
    const auto source = reader({}, indexed);
    Ids ids;
    PageSequence pages(*source);
    std::size_t largest = 0;
    while (auto page = pages.next(limits::page_events_max)) {
      std::size_t bytes = 0;
      for (const StoredEvent& event : page->events) bytes += event.payload.size();
      EXPECT_TRUE(bytes <= limits::page_bytes_factor_max * limits::page_bytes_target + 6'000'000) << bytes;
      largest = std::max(largest, bytes);
      const Ids more = ids_of(*page);
      ids.insert(ids.end(), more.begin(), more.end());
    }
    EXPECT_EQ(ids, ids_in_order());
    EXPECT_GT(largest, limits::page_bytes_target);
  }
}

TEST_F(PageReaderTest, CarriesWhatTheRowsHold) {
  create("bytea");
  database.execute(
      "INSERT INTO events VALUES ('2025-02-01 12:00+02', 1, 'a', 's', '{\"v\": 1}'), ('-infinity', 2, '', NULL, NULL),"
      " ('0044-03-15 BC', 3, 'ü', '', '\\x00ff7f80')");
  const auto source = reader();
  const auto page = PageSequence(*source).next(10);
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->events.size(), 3U);
  EXPECT_EQ(page->events[0].ts.text(), "-infinity");
  EXPECT_EQ(page->events[0].payload, "{}");
  EXPECT_TRUE(page->events[0].stream_id.is_null());
  EXPECT_EQ(page->events[1].ts.text(), "0044-03-15 00:00:00+00 BC");
  EXPECT_EQ(page->events[1].type, "ü");
  EXPECT_EQ(page->events[1].stream_id.optional_text(), "");
  EXPECT_EQ(page->events[1].payload, std::string_view("\x00\xff\x7f\x80", 4));
  EXPECT_EQ(page->events[2].ts.text(), "2025-02-01 10:00:00+00");
  EXPECT_EQ(page->events[2].payload, "{\"v\": 1}");
  EXPECT_EQ(page->events[2].owned_position(), (Position{"2025-02-01 10:00:00+00", "1"}));
}

TEST_F(PageReaderTest, HoldsNoSnapshotAndEndsWithTheRange) {
  create();
  database.execute("INSERT INTO events SELECT timestamptz '2025-01-01Z', n FROM generate_series(1, 6000) n");
  EventRange range;
  range.last = {"2025-01-01 00:00:00+00", "5000"};
  const auto source = reader(range);
  const auto first = source->next(10);
  ASSERT_TRUE(first.has_value());
  const std::string open =
      "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND datname = current_database()"
      " AND application_name = 'rebuild_projection/read'";
  EXPECT_EQ(database.value(open), "1");  // the scout's
  source->pause();
  EXPECT_EQ(database.value(open), "0");
  EXPECT_EQ(first->read().events.size(), 10U);
  EXPECT_EQ(database.value(open), "0");
  // Deleted behind the scout and not yet read: nobody sees it; nor what lies beyond the end.
  database.execute("DELETE FROM events WHERE id = 4999");
  const Ids rest = read_all(*source, 100);
  EXPECT_EQ(rest.size(), 4989U);
  EXPECT_EQ(rest.back(), "5000");
  EXPECT_EQ(database.value(open), "0");
}

TEST_F(PageReaderTest, SaysHowManyEventsAPageHasAlsoWhereAStretchEnds) {
  create();
  database.execute("INSERT INTO events SELECT timestamptz '2025-01-01Z', n FROM generate_series(1, 100) n");
  const auto at = [](int id) -> Position { return {"2025-01-01 00:00:00+00", std::to_string(id)}; };
  const std::vector<Position> ends{at(10), at(20), at(20)};
  const auto source = make_reader(*store, {}, {.server = database.dsn(), .stretch_ends = ends});
  std::vector<std::pair<std::uint64_t, std::size_t>> pages;  // events, stretch
  while (const auto found = source->next(50)) {
    const Page page = found->read();
    EXPECT_EQ(page.events.size(), found->events);
    pages.emplace_back(found->events, page.stretch);
  }
  EXPECT_EQ(pages, (std::vector<std::pair<std::uint64_t, std::size_t>>{{10, 0}, {10, 1}, {50, 3}, {30, 3}}));
  // A part of the range that ends before the first stretch does.
  EXPECT_EQ(read_all(*source->again(at(3), at(7)), 50), ids_in_order("id > 3 AND id <= 7"));
}

TEST_F(PageReaderTest, AnEventThatCameBetweenBelongsToItsPage) {
  create();
  database.execute("INSERT INTO events SELECT timestamptz '2025-01-01Z', n * 2 FROM generate_series(1, 100) n");
  const auto source = reader();
  const auto first = source->next(10), second = source->next(10);
  ASSERT_TRUE(first.has_value() && second.has_value());
  database.execute("INSERT INTO events VALUES ('2025-01-01Z', 21), ('2025-01-01Z', 19)");
  EXPECT_EQ(ids_of(second->read()), ids_in_order("id > 20 AND id <= 40"));
  EXPECT_EQ(ids_of(first->read()), ids_in_order("id <= 20"));
}

TEST_F(PageReaderTest, StopsWhenAsked) {
  create();
  database.execute("INSERT INTO events SELECT timestamptz '2025-01-01Z', n FROM generate_series(1, 10) n");
  std::stop_source stop;
  const auto source = make_reader(*store, {}, {.server = database.dsn(), .stop = stop.get_token()});
  const auto found = source->next(5);
  ASSERT_TRUE(found.has_value());
  stop.request_stop();
  EXPECT_THROW(source->next(5), Cancelled);
  EXPECT_THROW(found->read(), Cancelled);
}

}  // namespace
}  // namespace rebuild_projection

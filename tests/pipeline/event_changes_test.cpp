// Without this an event that is left out could take another's changes with it, or leave some of its own.
#include "pipeline/event_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "pipeline/changes.h"
#include "tests/support/plain_rows.h"

namespace rebuild_projection {
namespace {

StoredEvent event_named(const std::string& id, const std::vector<StoredValue>& position) {
  StoredEvent event;
  event.event_id = std::string_view(id);
  event.position = position;
  return event;
}

TEST(EventChanges, ComposeWhatAnyConsecutiveEventsDoToSomeRows) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const std::size_t events = 1 + random() % 12;
    std::vector<std::vector<plain::Step>> steps;  // of each event
    EventChanges changes(plain::table());
    for (std::size_t event = 0; event < events; ++event) {
      steps.push_back(plain::random_steps(random, 1 + random() % 4));
      const std::string id = "event " + std::to_string(event), time = "time " + std::to_string(event);
      const std::vector<StoredValue> position{std::string_view(time), std::string_view(id)};
      changes.add(10 * event, event_named(id, position), plain::fold(steps[event], 0, steps[event].size()));
    }
    ASSERT_EQ(changes.size(), events);
    const std::size_t begin = random() % events, end = begin + random() % (events - begin + 1);
    std::vector<plain::Step> all;
    for (std::size_t event = begin; event < end; ++event)
      all.insert(all.end(), steps[event].begin(), steps[event].end());
    const ChangeSet expected = plain::fold(all, 0, all.size());
    std::vector<EventChanges::Change> some = changes.changes([](std::string_view) { return true; });
    std::erase_if(some, [&](const EventChanges::Change& one) { return one.event < begin || one.event >= end; });
    const ChangeSet composed = changes.composed(some);
    SCOPED_TRACE("seed " + std::to_string(seed) + plain::described(all));
    EXPECT_EQ(plain::described(composed), plain::described(expected));
    // Row by row it is the same, and so it is of each row alone.
    changes.sort_by_row(some);
    EXPECT_TRUE(std::ranges::is_sorted(some, {}, [&](const EventChanges::Change& one) { return changes.key(one); }));
    EXPECT_EQ(plain::described(changes.composed(some)), plain::described(expected));
    for (const ChangeSet::Row* row : expected.sorted()) {
      const auto of_row = std::ranges::equal_range(some, row->key(), {},
                                                   [&](const EventChanges::Change& one) { return changes.key(one); });
      const ChangeSet one = changes.composed(of_row);
      ASSERT_EQ(one.size(), 1U);
      EXPECT_THAT(plain::described(expected), testing::HasSubstr(plain::described(one)));
    }
    if (begin == end) continue;
    EXPECT_EQ(changes.number(begin), 10 * begin);
    EXPECT_EQ(changes.event(begin).event_id, "event " + std::to_string(begin));
    EXPECT_EQ(changes.event(begin).position,
              (Position{"time " + std::to_string(begin), "event " + std::to_string(begin)}));
  }
}

}  // namespace
}  // namespace rebuild_projection

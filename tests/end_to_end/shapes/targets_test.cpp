// Without this file a shape of table that nobody thought of could be rebuilt into rows that are not as the events say,
// or lose others' rows: whatever the table is, the rows are right or the run is refused before anything was changed.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "tests/end_to_end/shapes/ground.h"
#include "tests/support/hostile_names.h"

namespace rebuild_projection::test {
namespace {

/// After how many events the table stands at first, which publishing then has to change.
std::vector<int> states() {
  if (std::getenv("REBUILD_PROJECTION_STRESS") == nullptr) return {9, 23};
  std::vector<int> all;
  for (int events = 0; events <= Story::events; ++events) all.push_back(events);
  return all;
}

void in_place(Ground& ground) {
  for (const char* batch : {"1", "3", "200"}) {
    SCOPED_TRACE(std::string("batches of ") + batch);
    ground.lay_out(23);
    if (ground.runs(Refusable::in_place, {"--mode", "APPLY", "--batch-size", batch})) ground.expect_rows(Story::events);
  }
}

void resumed_in_place(Ground& ground) {
  ground.lay_out(23);
  if (!ground.runs(Refusable::in_place, {"--mode", "APPLY", "--max-events", "17", "--batch-size", "5"})) return;
  ground.expect_rows(17);
  if (ground.runs(Refusable::in_place, {"--mode", "APPLY", "--resume", "--batch-size", "4"}))
    ground.expect_rows(Story::events);
}

void published_and_undone(Ground& ground) {
  for (const int before : states()) {
    SCOPED_TRACE("published over the rows of " + std::to_string(before) + " events");
    ground.lay_out(before);
    if (!ground.runs(Refusable::shadow, {"--mode", "APPLY", "--strategy", "shadow", "--keep-previous"})) continue;
    ground.expect_rows(Story::events);
    if (ground.runs(Refusable::shadow, {"--undo-publish"})) ground.expect_rows(before);
  }
}

void resumed_shadow(Ground& ground) {
  ground.lay_out(23);
  const std::vector<std::string> arguments{"--mode", "APPLY", "--strategy", "shadow", "--batch-size", "4"};
  auto first = arguments, second = arguments;
  first.insert(first.end(), {"--max-events", "17"});
  second.emplace_back("--resume");
  if (!ground.runs(Refusable::shadow, first)) return;
  ground.expect_rows(23);
  if (ground.runs(Refusable::shadow, second)) ground.expect_rows(Story::events);
}

void verified(Ground& ground) {
  ground.lay_out(Story::events);
  const std::vector<std::string> arguments{"--mode", "VERIFY"};
  if (!ground.runs(Refusable::verify, arguments)) return;
  ground.expect_untouched();
  if (ground.plant("UPDATE {t} SET {v} = 77 WHERE {id} = 'b'")) ground.runs(Refusable::verify, arguments, 4);
}

void touched(Ground& ground) {
  ground.lay_out(Story::events);
  // Rows that events after the 29th touch: one of them is wrong, one missing.
  if (!ground.plant("UPDATE {t} SET {v} = 77 WHERE {id} = 'a'; DELETE FROM {t} WHERE {id} = 'g'")) return;
  if (ground.runs(Refusable::in_place,
                  {"--mode", "APPLY", "--scope", "touched", "--from-event-id", "00000000-0000-0000-0000-0000000001d0"}))
    ground.expect_rows(Story::events);
}

void skipped(Ground& ground) {
  ground.tell_what_cannot_be();
  for (const auto& [way, strategy] :
       {std::pair{Refusable::in_place, "in-place"}, std::pair{Refusable::shadow, "shadow"}}) {
    SCOPED_TRACE(strategy);
    ground.lay_out(23);
    if (!ground.runs(way, {"--mode", "APPLY", "--strategy", strategy, "--on-error", "skip"}, 2)) continue;
    ground.expect_rows(Story::events);
    EXPECT_EQ(ground.database.rows("SELECT event_id FROM rebuild_projection.rebuild_dead_letters ORDER BY 1"),
              Story::cannot_be());
  }
}

struct Way {
  const char* name;
  void (*go)(Ground& ground);
};
constexpr std::array ways{Way{"in place", in_place},
                          Way{"resumed in place", resumed_in_place},
                          Way{"published and undone", published_and_undone},
                          Way{"resumed shadow", resumed_shadow},
                          Way{"verified", verified},
                          Way{"touched", touched},
                          Way{"skipped", skipped}};

class TargetShapes : public testing::TestWithParam<TargetShape> {
 protected:
  void SetUp() override {
    if (with_hostile_names()) GTEST_SKIP() << "shapes have names of their own";
  }
};

TEST_P(TargetShapes, AreRebuiltRightOrRefused) {
  Ground ground(GetParam());
  for (const Way& way : ways) {
    SCOPED_TRACE(way.name);
    way.go(ground);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, TargetShapes, testing::ValuesIn(target_shapes()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rebuild_projection::test

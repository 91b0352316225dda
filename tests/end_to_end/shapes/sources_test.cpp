// Without this file an event store of a shape that nobody thought of could be read in part, in another order or with
// other kinds of events: the rows are right or the run is refused before anything was changed.
#include <gtest/gtest.h>

#include "tests/end_to_end/shapes/ground.h"
#include "tests/support/hostile_names.h"

namespace rebuild_projection::test {
namespace {

class SourceShapes : public testing::TestWithParam<SourceShape> {
 protected:
  void SetUp() override {
    if (with_hostile_names()) GTEST_SKIP() << "shapes have names of their own";
  }
};

TEST_P(SourceShapes, AreReadRightOrRefused) {
  Ground ground({.name = "plain"}, GetParam());
  const auto runs = [&](Refusable way, const std::vector<std::string>& arguments) {
    SCOPED_TRACE(arguments[1]);
    return ground.runs(way, arguments);
  };
  // Two readers and small pages of work, so that what is cut where matters.
  ground.lay_out(23, 20);
  if (runs(Refusable::in_place, {"--mode", "APPLY", "--batch-size", "3", "--readers", "2"})) {
    ground.expect_rows(20);
    if (runs(Refusable::verify, {"--mode", "VERIFY"}) && runs(Refusable::verify, {"--explain-row", "b"}))
      ground.append(21, Story::events);
    if (runs(Refusable::in_place, {"--mode", "APPLY", "--resume"})) ground.expect_rows(Story::events);
  }
  ground.lay_out(9);
  const std::vector<std::string> in_shadow{"--mode", "APPLY", "--strategy", "shadow", "--payload", "whole"};
  auto begin = in_shadow, end = in_shadow;
  begin.insert(begin.end(), {"--max-events", "17", "--batch-size", "4"});
  end.emplace_back("--resume");
  if (runs(Refusable::shadow, begin)) {
    ground.expect_rows(9);
    if (runs(Refusable::shadow, end)) ground.expect_rows(Story::events);
  }
  if (runs(Refusable::in_place, {"--mode", "APPLY"})) ground.expect_rows(Story::events);
}

INSTANTIATE_TEST_SUITE_P(Every, SourceShapes, testing::ValuesIn(source_shapes()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace rebuild_projection::test

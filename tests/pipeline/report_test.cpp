// Without this file a script could take a failed or cancelled rebuild for a success.
#include "pipeline/report.h"

#include <gtest/gtest.h>

namespace rebuild_projection {
namespace {

TEST(Report, ExitCodes) {
  Report report;
  report.projections.resize(2);
  EXPECT_EQ(report.exit_code(), 0);
  report.ending = Ending::incomplete;
  EXPECT_EQ(report.exit_code(), 0);
  report.ending = Ending::cancelled;
  EXPECT_EQ(report.exit_code(), 3);
  report.ending = Ending::failed;
  EXPECT_EQ(report.exit_code(), 2);
  for (const Ending ending : {Ending::complete, Ending::incomplete, Ending::cancelled, Ending::failed}) {
    report.ending = ending;
    report.projections[1].skipped = 1;
    EXPECT_EQ(report.exit_code(), 2);
  }
}

TEST(Report, DriftIsFourUnlessSomethingIsWorse) {
  Report report;
  report.projections.resize(2);
  report.projections[0].comparison.emplace().equal = 3;
  EXPECT_EQ(report.exit_code(), 0);
  report.projections[1].comparison.emplace().extra = 1;
  EXPECT_EQ(report.drifted(), 1U);
  EXPECT_EQ(report.exit_code(), 4);
  report.ending = Ending::cancelled;
  EXPECT_EQ(report.exit_code(), 3);
  report.ending = Ending::failed;
  EXPECT_EQ(report.exit_code(), 2);
  report.ending = Ending::complete;
  report.projections[0].skipped = 1;
  EXPECT_EQ(report.exit_code(), 2);
}

TEST(Report, EventsThatTheRowsLackAreTwo) {
  Report report;
  report.projections.resize(2);
  report.projections[1].skipped_before = 1;
  EXPECT_EQ(report.exit_code(), 2);
  report.projections[0].comparison.emplace().extra = 1;
  EXPECT_EQ(report.exit_code(), 4);
}

TEST(Report, SumsWhatWasSkipped) {
  Report report;
  EXPECT_EQ(report.skipped(), 0U);
  report.projections.resize(2);
  report.projections[0].skipped = 2;
  report.projections[1].skipped = 3;
  EXPECT_EQ(report.skipped(), 5U);
}

TEST(Report, OccupancyIsTheShareOfAllThreadsOfAStage) {
  Report report;
  EXPECT_EQ(report.occupancy(Stage::read), 0);  // no time, no threads
  report.seconds = std::chrono::duration<double>(10);
  report.events_read = 55;
  report.busy_seconds = {4, 12, 1, 11};
  report.stage_threads = {1, 4, 0, 1};
  EXPECT_DOUBLE_EQ(report.events_per_second(), 5.5);
  EXPECT_DOUBLE_EQ(report.occupancy(Stage::read), 0.4);
  EXPECT_DOUBLE_EQ(report.occupancy(Stage::parse), 0.3);
  EXPECT_DOUBLE_EQ(report.occupancy(Stage::apply), 0);
  EXPECT_DOUBLE_EQ(report.occupancy(Stage::commit), 1);
  EXPECT_EQ(report.bottleneck(), Stage::commit);
}

TEST(Report, NamesEveryEndingAndStage) {
  EXPECT_EQ(name_of(Ending::complete), "complete");
  EXPECT_EQ(name_of(Ending::incomplete), "incomplete");
  EXPECT_EQ(name_of(Ending::failed), "failed");
  EXPECT_EQ(name_of(Ending::cancelled), "cancelled");
  EXPECT_EQ(name_of(Stage::read), "read");
  EXPECT_EQ(name_of(Stage::parse), "parse");
  EXPECT_EQ(name_of(Stage::apply), "apply");
  EXPECT_EQ(name_of(Stage::commit), "commit");
}

}  // namespace
}  // namespace rebuild_projection

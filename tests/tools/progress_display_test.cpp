// Without this file the progress line could wrap on a narrow terminal, or promise an end that never comes.
#include "tools/progress_display.h"

#include <gtest/gtest.h>

namespace rebuild_projection {
namespace {

using namespace std::chrono_literals;

TEST(ProgressBar, ShowsEverythingOnAWideTerminal) {
  EXPECT_EQ(progress_bar({2'000'000, 1'000'000, 5'000, 0, 45'231.4}, 130),
            "[###################...................]  50%  1,000,000 of 2,000,000 events  45,231/s  5,000 batches  "
            "ETA 0:23  "
            "0 errors");
}

TEST(ProgressBar, LeavesOutPartsOnANarrowTerminal) {
  const ProgressNumbers numbers{2'000'000, 1'000'000, 5'000, 0, 45'231};
  EXPECT_EQ(progress_bar(numbers, 100),
            "[########.........]  50%  1,000,000 of 2,000,000 events  45,231/s  5,000 batches  ETA 0:23  0 errors");
  EXPECT_EQ(progress_bar(numbers, 80),
            " 50%  1,000,000 of 2,000,000 events  45,231/s  5,000 batches  ETA 0:23  0 errors");
  EXPECT_EQ(progress_bar(numbers, 70), " 50%  1,000,000 of 2,000,000 events  45,231/s  ETA 0:23  0 errors");
  EXPECT_EQ(progress_bar(numbers, 50), " 50%  1,000,000 of 2,000,000 events  ETA 0:23");
  EXPECT_EQ(progress_bar(numbers, 3), " 50");
  EXPECT_EQ(progress_bar(numbers, 0), "");
  // An error matters more than the rate and the end.
  EXPECT_EQ(progress_bar({2'000'000, 1'000'000, 5'000, 1, 45'231}, 50), " 50%  1,000,000 of 2,000,000 events  1 error");
}

TEST(ProgressBar, NeverIsWiderThanTheTerminal) {
  for (unsigned columns = 0; columns < 200; ++columns)
    for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1'000'000'000}})
      EXPECT_LE(progress_bar({total, total / 3, total / 7, 12, 1234.5}, columns).size(), columns);
}

TEST(ProgressBar, SaysWhatItCanWhileTheTotalIsUnknown) {
  EXPECT_EQ(progress_bar({0, 1'234, 7, 0, 0}, 79), "1,234 events  0/s  7 batches  0 errors");
}

TEST(ProgressBar, IsFullOnlyWhenAllIsDone) {
  EXPECT_EQ(progress_bar({1'000, 999, 5, 0, 10}, 79),
            "[#############.]  99%  999 of 1,000 events  10/s  5 batches  ETA 0:01  0 errors");
  EXPECT_EQ(progress_bar({1'000, 1'000, 5, 0, 10}, 79),
            "[############] 100%  1,000 of 1,000 events  10/s  5 batches  ETA 0:00  0 errors");
  // More than were counted at the start.
  EXPECT_EQ(progress_sentence({1'000, 1'001, 1, 0, 10}),
            "1,001 of 1,000 events (100%), 10/s, 1 batch, ETA 0:00, 0 errors");
}

TEST(ProgressSentence, ShowsTimesFromSecondsToDays) {
  const auto at = [](double rate) { return progress_sentence({1'000'000, 0, 0, 0, rate}); };
  EXPECT_EQ(at(0), "0 of 1,000,000 events (0%), 0/s, 0 batches, ETA -:--, 0 errors");
  EXPECT_EQ(at(1'000'000), "0 of 1,000,000 events (0%), 1,000,000/s, 0 batches, ETA 0:01, 0 errors");
  EXPECT_EQ(at(10'000), "0 of 1,000,000 events (0%), 10,000/s, 0 batches, ETA 1:40, 0 errors");
  EXPECT_EQ(at(250), "0 of 1,000,000 events (0%), 250/s, 0 batches, ETA 1:06:40, 0 errors");
  EXPECT_EQ(at(8), "0 of 1,000,000 events (0%), 8.0/s, 0 batches, ETA 1 d 10 h, 0 errors");
  EXPECT_EQ(at(0.01), "0 of 1,000,000 events (0%), 0.0/s, 0 batches, ETA -:--, 0 errors");
  EXPECT_EQ(progress_sentence({0, 1, 1, 1, 2.5}), "1 event, 2.5/s, 1 batch, 1 error");
}

TEST(RecentRate, ForgetsWhatIsOlderThanItsWindow) {
  RecentRate rate;
  const RecentRate::Clock::time_point start{};
  EXPECT_EQ(rate.per_second(), 0);
  rate.add(start, 0);
  EXPECT_EQ(rate.per_second(), 0);
  rate.add(start + 1s, 1'000);
  EXPECT_DOUBLE_EQ(rate.per_second(), 1'000);
  // A stall: the rate falls to nothing within the window.
  for (int second = 2; second <= 6; ++second) rate.add(start + std::chrono::seconds(second), 1'000);
  EXPECT_DOUBLE_EQ(rate.per_second(), 0);
}

TEST(ProgressDisplay, EndsAtOnceThoughNothingRuns) {
  Progress progress;
  for (const ProgressKind kind : {ProgressKind::none, ProgressKind::log, ProgressKind::bar})
    const ProgressDisplay display(progress, kind, 0);
}

TEST(ProgressDisplay, DrawsTheLineWhileEventsFlowAndRemovesIt) {
  testing::internal::CaptureStderr();
  {
    Progress progress;
    progress.events_total = 1'000;
    progress.events_done = 5;
    progress.running = true;
    const ProgressDisplay display(progress, ProgressKind::bar, 10);
    std::this_thread::sleep_for(300ms);
  }
  const std::string drawn = testing::internal::GetCapturedStderr();
  // Of the 10 events of --max-events, not of the 1,000 in range.
  EXPECT_NE(drawn.find("50%  5 of 10 events"), std::string::npos) << drawn;
  EXPECT_TRUE(drawn.ends_with("\r\x1b[K")) << drawn;
  EXPECT_EQ(drawn.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace rebuild_projection

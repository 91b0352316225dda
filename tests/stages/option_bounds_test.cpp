// Without this a program of one's own could ask rebuild() for four billion threads, or for a schema without a name, and
// get what no command line lets through.
#include "stages/option_bounds.h"

#include <gtest/gtest.h>

#include <functional>

#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

using namespace std::chrono_literals;

Options sample() {
  Options options;
  options.projections = {"p"};
  return options;
}

struct Wrong {
  std::function<void(Options&)> change;
  const char* says;
};

TEST(OptionBounds, AreCheckedBeforeAServerIsAsked) {
  const std::vector<Wrong> all{
      {[](Options& o) { o.workers = 4'000'000'000; }, "workers must be from 0 to 1024, not 4000000000"},
      {[](Options& o) { o.tokens = 1025; }, "tokens must be from 0 to 1024, not 1025"},
      {[](Options& o) { o.readers = 1025; }, "readers must be from 0 to 1024"},
      {[](Options& o) { o.batch_events = 0; }, "batch_events must be from 1 to"},
      {[](Options& o) { o.batch_events = UINT64_MAX; }, "batch_events must be from 1 to 1099511627776"},
      {[](Options& o) { o.max_events = UINT64_MAX; }, "max_events must be from 0 to"},
      {[](Options& o) { o.memory_bytes_max = 1; }, "memory_bytes_max must be from 16777216 to"},
      {[](Options& o) { o.memory_bytes_max = UINT64_MAX; }, "memory_bytes_max must be from 16777216 to"},
      {[](Options& o) { o.peer_timeout = 0s; }, "peer_timeout must be from 1 to 3600, not 0"},
      {[](Options& o) { o.peer_timeout = 3601s; }, "peer_timeout must be from 1 to 3600, not 3601"},
      {[](Options& o) { o.fence_timeout = -1s; }, "fence_timeout must be from 0 to 31536000, not -1"},
      {[](Options& o) { o.publish_lock_timeout = 0s; }, "publish_lock_timeout must be from 1 to 3600, not 0"},
      {[](Options& o) { o.retry.retries = 1'000'001; }, "retry.retries must be from 0 to 1000000"},
      {[](Options& o) { o.retry.seconds_max = -1s; }, "retry.seconds_max must be from 0 to 31536000"},
      {[](Options& o) { o.drift_limit = UINT64_MAX; }, "drift_limit must be from 0 to 1000000"},
      {[](Options& o) { o.meta_schema = ""; }, "meta_schema is empty"},
      {[](Options& o) { o.meta_schema = std::string("a\0b", 3); }, "meta_schema holds the character U+0000"},
      {[](Options& o) { o.store = ""; }, "store is empty"},
      {[](Options& o) { o.projections = {}; }, "no projection is named"},
      {[](Options& o) { o.projections.emplace_back(); }, "a name in projections is empty"},
      {[](Options& o) { o.from_ts = "yesterday"; }, "from_ts is no time in ISO 8601"},
      {[](Options& o) { o.to_ts = ""; }, "to_ts is no time in ISO 8601"}};
  for (const auto& [change, says] : all) {
    Options options = sample();
    options.dsn = "host=/nonexistent";
    change(options);
    try {
      rebuild(options, ProjectorRegistry(), {});
      ADD_FAILURE() << "not refused: " << says;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << says << "\n" << error.what();
    }
  }
}

TEST(OptionBounds, HoldForTheDefaultsAndAtTheirEnds) {
  EXPECT_TRUE(out_of_bounds(sample()).empty());
  Options options = sample();
  options.workers = options.tokens = options.readers = option_bounds::concurrency_max;
  options.memory_bytes_max = std::uint64_t{16} << 20U;
  options.peer_timeout = 3600s;
  options.fence_timeout = options.retry.seconds_max = 0s;
  options.retry.retries = 0;
  options.from_ts = "2025-01-01T00:00:00+05:30";
  EXPECT_TRUE(out_of_bounds(options).empty());
}

TEST(OptionBounds, AreAllSaidAtOnce) {
  Options options = sample();
  options.workers = options.tokens = 2000;
  EXPECT_EQ(out_of_bounds(options).size(), 2U);
}

}  // namespace
}  // namespace rebuild_projection

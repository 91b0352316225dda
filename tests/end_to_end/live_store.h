#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {

/// A store whose events get their time from the server's clock, ts DEFAULT now(), and a number, n, as an identity: what
/// applications write while a rebuild runs. Rebuilt are event_rows, which shows events that are missing, and counters,
/// which shows those that were applied twice.
class LiveStore : public testing::Test {
 public:
  static constexpr const char* by_ts = R"(["ts", "event_id"])";
  static constexpr const char* by_n = R"(["n"])";
  /// SQL that inserts events of one time.
  static std::string insert(std::uint64_t first, std::uint64_t last);

 protected:
  LiveStore();
  ~LiveStore() override;  ///< rolls back what is prepared

  void append(std::uint64_t first, std::uint64_t last) { store.database.execute(insert(first, last)); }

  /// Path of a store file in another order than the preset's; `more` are further lines.
  std::string store_in_order(const std::string& order, const std::string& more = "",
                             const std::string& from = "event_store");

  std::unique_ptr<Program> start(std::vector<std::string> more = {});
  Outcome apply(const std::vector<std::string>& more = {});
  Outcome resume(std::vector<std::string> more = {});
  /// The fence's time runs out: the run ends with 1, and nothing has changed. Returns what it said.
  std::string refused(std::vector<std::string> more = {});

  /// Every event is applied once, and there are so many.
  void expect_whole(int events);

  Recruiting store;
};

}  // namespace rebuild_projection::test

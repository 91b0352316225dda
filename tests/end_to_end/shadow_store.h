#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {

/// Rebuilds in shadows of the recruiting projections.
class ShadowStore : public testing::Test {
 protected:
  static std::vector<std::string> arguments(const std::string& projection, std::vector<std::string> more = {});
  Outcome shadow(const std::string& projection, const std::vector<std::string>& more = {});
  std::unique_ptr<Program> start(const std::string& projection, const std::vector<std::string>& more = {});

  /// Every projection is as all events say, its checkpoint too, and no shadow is left.
  void expect_published(int events);
  void expect_no_shadow();
  /// What readers of the live tables and of their checkpoints see, to the tuple.
  std::string live();
  /// "position of the last event in it: state" of a projection's shadow; "" where there is none.
  std::string shadow_state(const std::string& projection);

  static constexpr std::array<const char*, 3> projections{"event_rows", "stages", "counters"};
  Recruiting store;
};

}  // namespace rebuild_projection::test

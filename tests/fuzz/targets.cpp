#include "tests/fuzz/targets.h"

#include <array>

namespace rebuild_projection::test {

std::span<const FuzzTarget> fuzz_targets() {
  static constexpr std::array targets{
      FuzzTarget{"payload", fuzz_payload}, FuzzTarget{"projection_file", fuzz_projection_file},
      FuzzTarget{"store_file", fuzz_store_file}, FuzzTarget{"text", fuzz_text}, FuzzTarget{"changes", fuzz_changes}};
  return targets;
}

}  // namespace rebuild_projection::test

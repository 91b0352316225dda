// What libFuzzer calls (tools/fuzz): the target that its program is named after.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/targets.h"

namespace {
const rebuild_projection::test::FuzzTarget* target = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** argv) {
  std::string_view name = (*argv)[0];
  name.remove_prefix(name.rfind('/') + 1);
  for (const auto& one : rebuild_projection::test::fuzz_targets())
    if (name == one.name) target = &one;
  if (target != nullptr) return 0;
  std::fprintf(stderr, "call this program by the name of a target:");
  for (const auto& one : rebuild_projection::test::fuzz_targets()) std::fprintf(stderr, " %s", one.name.data());
  std::fprintf(stderr, "\n");
  std::exit(1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}

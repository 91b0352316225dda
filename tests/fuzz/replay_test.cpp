// Without this file what fuzzing once found could come back unnoticed, since fuzzing itself runs by hand (tools/fuzz).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/fuzz/targets.h"

namespace rebuild_projection::test {
namespace {

class Replay : public testing::TestWithParam<FuzzTarget> {};

TEST_P(Replay, TheCorpusAndWhatIsNearItPass) {
  const std::filesystem::path folder =
      std::filesystem::path(REBUILD_PROJECTION_TOOLS_DIR) / "../tests/fuzz/corpus" / GetParam().name;
  std::mt19937 random(1);
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    ++files;
    std::stringstream stream;
    stream << std::ifstream(file.path(), std::ios::binary).rdbuf();
    const std::string bytes = stream.str();
    SCOPED_TRACE(file.path().string());
    EXPECT_NO_THROW(GetParam().run(bytes));
    for (int times = 0; times < 100 && !bytes.empty(); ++times) {
      std::string other = bytes;
      other[random() % other.size()] = static_cast<char>(random());
      if (times % 3 == 0) other.erase(random() % other.size(), 1 + random() % 4);
      if (times % 5 == 0) other.resize(random() % (other.size() + 1));
      EXPECT_NO_THROW(GetParam().run(other)) << testing::PrintToString(other);
    }
  }
  EXPECT_GE(files, 5U);
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, testing::ValuesIn(fuzz_targets().begin(), fuzz_targets().end()),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace rebuild_projection::test

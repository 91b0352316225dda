// Without this file the lines of --drift-file could be no JSON, or a run that failed could leave half a file.
#include "tools/drift_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "pipeline/error.h"
#include "tests/support/program.h"

namespace rebuild_projection {
namespace {

using nlohmann::json;

Comparison of_two() {
  Comparison comparison;
  comparison.key = {"id", "sh\"op"};
  return comparison;
}

TEST(DriftLine, IsOneJsonObject) {
  const Drift different{Drift::Kind::different, {"1", "a\nb"}, {"x"}, {"old"}, {std::nullopt}};
  const std::string line = drift_line("p", "public.t", of_two(), different);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(json::parse(line), (json{{"projection", "p"},
                                     {"table", "public.t"},
                                     {"drift", "different"},
                                     {"key", {{"id", "1"}, {"sh\"op", "a\nb"}}},
                                     {"columns", {"x"}},
                                     {"expected", {{"x", "old"}}},
                                     {"live", {{"x", nullptr}}}}));
  const Drift extra{Drift::Kind::extra, {std::nullopt, "b"}, {}, {}, {}};
  EXPECT_EQ(
      json::parse(drift_line("p", "t", of_two(), extra)),
      (json{{"projection", "p"}, {"table", "t"}, {"drift", "extra"}, {"key", {{"id", nullptr}, {"sh\"op", "b"}}}}));
}

class DriftFileTest : public testing::Test {
 protected:
  std::size_t files() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()));
  }
  test::Folder folder;
};

TEST_F(DriftFileTest, APipeThatNobodyReadsIsRefusedAtOnce) {
  const std::string path = folder.path() + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THROW(DriftFile{path}, UsageError);
}

TEST_F(DriftFileTest, TakesThePlaceOfAnEarlierOneWhenItIsComplete) {
  const std::string path = folder.write("drift", "earlier\n");
  {
    DriftFile unfinished(path);
    unfinished.write("half\n");
  }
  EXPECT_EQ(folder.read("drift"), "earlier\n");
  EXPECT_EQ(files(), 1U);
  DriftFile file(path);
  file.write("one\n");
  EXPECT_EQ(folder.read("drift"), "earlier\n");
  file.write("two\n");
  file.finish();
  EXPECT_EQ(folder.read("drift"), "one\ntwo\n");
  EXPECT_EQ(files(), 1U);
}

TEST_F(DriftFileTest, SaysAtOnceThatItCannotBeWritten) {
  EXPECT_THROW(DriftFile{folder.path()}, UsageError);
  EXPECT_THROW(DriftFile{folder.path() + "/none/drift"}, UsageError);
}

TEST_F(DriftFileTest, SaysThatTheDiskIsFull) {
  DriftFile file("/dev/full");
  file.write("line\n");
  EXPECT_THROW(file.finish(), RunError);
}

}  // namespace
}  // namespace rebuild_projection

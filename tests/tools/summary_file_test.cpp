// Without this file --summary could leave half a file, replace a device, or be found unwritable only after hours of
// work.
#include "tools/summary_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string_view>

#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

class SummaryFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "summary_file_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::string content(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(directory_), std::filesystem::directory_iterator());
  }

  std::filesystem::path directory_;
};

TEST_F(SummaryFileTest, AppearsWhenItIsWrittenAndNotBefore) {
  const SummaryFile file(directory_ / "s.json");
  EXPECT_EQ(files(), 0);
  file.write("one");
  EXPECT_EQ(content(directory_ / "s.json"), "one");
  EXPECT_EQ(files(), 1);
}

TEST_F(SummaryFileTest, ReplacesAnOlderOneAsAWhole) {
  std::ofstream(directory_ / "s.json") << "older and longer";
  std::filesystem::create_hard_link(directory_ / "s.json", directory_ / "kept");
  const SummaryFile file(directory_ / "s.json");
  EXPECT_EQ(content(directory_ / "s.json"), "older and longer");
  file.write("new");
  EXPECT_EQ(content(directory_ / "s.json"), "new");
  EXPECT_EQ(content(directory_ / "kept"), "older and longer");  // whoever had it open reads on undisturbed
}

TEST_F(SummaryFileTest, FollowsASymbolicLink) {
  std::ofstream(directory_ / "target") << "old";
  std::filesystem::create_symlink("target", directory_ / "link");
  SummaryFile(directory_ / "link").write("new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory_ / "link"));
  EXPECT_EQ(content(directory_ / "target"), "new");
}

TEST_F(SummaryFileTest, IsRefusedAtOnceWhereItCannotBeWritten) {
  EXPECT_THROW(SummaryFile(directory_ / "absent" / "s.json"), UsageError);
  EXPECT_THROW(SummaryFile{directory_}, UsageError);
  try {
    const SummaryFile file(directory_ / "absent" / "s.json");
  } catch (const UsageError& error) {
    EXPECT_EQ(error.what(), "--summary: " + (directory_ / "absent" / "s.json").string() +
                                " cannot be written: No such file or directory.");
  }
}

// A pipe stands for every special file: were this broken, a test on /dev/null would replace the machine's own when run
// as root.
TEST_F(SummaryFileTest, WritesToAPipeInsteadOfReplacingIt) {
  const std::filesystem::path pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  SummaryFile(pipe).write("text");
  std::array<char, 10> bytes{};
  const ssize_t length = ::read(reader, bytes.data(), bytes.size());
  ::close(reader);
  ASSERT_EQ(length, 4);
  EXPECT_EQ(std::string_view(bytes.data(), 4), "text");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_EQ(files(), 1);
}

TEST_F(SummaryFileTest, DoesNotHangOnAPipeThatNobodyReads) {
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  const SummaryFile file(directory_ / "pipe");
  EXPECT_THROW(file.write("text"), RunError);
  EXPECT_TRUE(std::filesystem::is_fifo(directory_ / "pipe"));
}

TEST_F(SummaryFileTest, LeavesNothingBehindWhenWritingFails) {
  std::filesystem::create_directory(directory_ / "d");
  const SummaryFile file(directory_ / "d" / "s.json");
  std::filesystem::remove(directory_ / "d");
  EXPECT_THROW(file.write("text"), RunError);
  EXPECT_EQ(files(), 0);
}

}  // namespace
}  // namespace rebuild_projection

// Without this file a payload could draw on the operator's terminal, and a log collector could choke on a line.
#include "tools/logging.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tools/signals.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {
namespace {

using namespace std::chrono_literals;

const std::chrono::system_clock::time_point moment{1'738'368'000'007ms};  // 2025-02-01 00:00:00.007 UTC

TEST(LogLine, OfText) {
  EXPECT_EQ(log_line(LogFormat::text, moment, "info", "batch 7"), "2025-02-01 00:00:00.007 info  batch 7");
  EXPECT_EQ(log_line(LogFormat::text, moment, "error", "a\nb\x1b[31m\x7f"),
            "2025-02-01 00:00:00.007 error a\\nb\\x1b[31m\\x7f");
}

TEST(LogLine, OfJson) {
  const std::string message = "a \"b\" \\ \n\t\x01 é \xff \u202e";
  const std::string line = log_line(LogFormat::json, moment, "warn", message);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.size(), 3U);
  EXPECT_EQ(json.at("time"), "2025-02-01T00:00:00.007Z");
  EXPECT_EQ(json.at("level"), "warn");
  EXPECT_EQ(json.at("message"), "a \"b\" \\ \n\t\x01 é \xef\xbf\xbd \u202e");
}

/// What reaches standard error of a warning, which a signal makes the program log.
std::string logged_at(LogLevel level) {
  testing::internal::CaptureStderr();
  set_up_logging(level, LogFormat::json);
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  block_signals();
  {
    std::stop_source stop, abort;
    const SignalWatch watch(stop, abort);
    ::kill(::getpid(), SIGINT);
    while (!stop.stop_requested()) ::poll(nullptr, 0, 1);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return testing::internal::GetCapturedStderr();
}

TEST(Logging, FollowsItsLevelAndWritesToStandardError) {
  EXPECT_EQ(nlohmann::json::parse(logged_at(LogLevel::warn)).at("level"), "warn");
  EXPECT_EQ(logged_at(LogLevel::error), "");
}

TEST(ErrorStream, KeepsTheStatusBelowTheLines) {
  testing::internal::CaptureStderr();
  ErrorStream stream;
  stream.line("one");
  stream.status("50%");
  stream.status("50%");  // not drawn again
  stream.line("two");
  stream.status("");
  stream.line("three");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "one\n\r50%\x1b[K\r\x1b[Ktwo\n50%\r\x1b[Kthree\n");
}

TEST(Printable, KeepsWhatCanBeShown) {
  EXPECT_EQ(printable("Größe 漢字 🙂 \\n"), "Größe 漢字 🙂 \\n");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u009b");                       // C1: some terminals take it for ESC [
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\u202e");                   // turns the writing direction
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf0\x9f"), "\\xf0\\x9f");                    // cut off
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
}

TEST(Numbers, AreGroupedByThousands) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1'000), "1,000");
  EXPECT_EQ(with_commas(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(rate_with_commas(0), "0");
  EXPECT_EQ(rate_with_commas(9.94), "9.9");
  EXPECT_EQ(rate_with_commas(9.96), "10");
  EXPECT_EQ(rate_with_commas(12'345.6), "12,346");
}

TEST(Padding, CountsCharactersNotBytes) {
  EXPECT_EQ(pad_right("é", 3), "é  ");
  EXPECT_EQ(pad_left("é", 3), "  é");
  EXPECT_EQ(pad_left("abcd", 3), "abcd");
}

}  // namespace
}  // namespace rebuild_projection

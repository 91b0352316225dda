#include "tools/logging.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

constexpr std::string_view erase_line = "\r\x1b[K";

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return "trace";
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    default:
      return "error";
  }
}

/// spdlog's own patterns would print control characters as they come and could not share the terminal with a progress
/// line.
class ErrorStreamSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void use(LogFormat format) { format_ = format; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    error_stream().line(log_line(format_, message.time, level_name(message.level),
                                 std::string_view(message.payload.data(), message.payload.size())));
  }
  void flush_() override {}

 private:
  std::atomic<LogFormat> format_ = LogFormat::text;
};

}  // namespace

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void ErrorStream::line(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  std::string bytes;
  if (!status_.empty()) bytes += erase_line;
  (bytes += text) += '\n';
  bytes += status_;
  write_all(STDERR_FILENO, bytes);  // one write, so that nothing flickers and other processes' lines do not interleave
}

void ErrorStream::status(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (text == status_) return;
  // Text first and then the rest of the line erased: an erased line is never seen.
  const std::string bytes = text.empty() ? std::string(erase_line) : "\r" + std::string(text) + "\x1b[K";
  status_ = text;
  write_all(STDERR_FILENO, bytes);
}

ErrorStream& error_stream() {
  static ErrorStream stream;
  return stream;
}

bool error_stream_is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

unsigned error_stream_columns() {
  winsize size{};
  constexpr unsigned columns_unknown = 80;
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : columns_unknown;
}

void set_up_logging(LogLevel level, LogFormat format) {
  // One for ever: another thread may log while it is changed.
  static const auto sink = std::make_shared<ErrorStreamSink>();
  static const auto logger = std::make_shared<spdlog::logger>("rebuild_projection", sink);
  sink->use(format);
  logger->set_level(to_spdlog(level));
  if (spdlog::default_logger_raw() != logger.get()) spdlog::set_default_logger(logger);
}

std::string log_line(LogFormat format, std::chrono::system_clock::time_point time, std::string_view level,
                     std::string_view message) {
  using std::chrono::milliseconds;
  const auto since_epoch = std::chrono::floor<milliseconds>(time.time_since_epoch());
  const auto whole = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::time_t seconds = whole.count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 80> stamp{};
  std::snprintf(
      stamp.data(), stamp.size(),
      format == LogFormat::json ? "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" : "%04d-%02d-%02d %02d:%02d:%02d.%03d",
      utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
      static_cast<int>((since_epoch - whole).count()));
  if (format == LogFormat::text)
    return std::string(stamp.data()) + ' ' + pad_right(level, 5) + ' ' + printable(message);
  return R"({"time":")" + std::string(stamp.data()) + R"(","level":)" + json_quoted(level) + R"(,"message":)" +
         json_quoted(message) + '}';
}

}  // namespace rebuild_projection

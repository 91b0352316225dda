#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "tools/command_line.h"

namespace rebuild_projection {

/// Standard error, shared by the log's lines and the progress line, which stays below them and is never mixed with
/// them. Threads: any. What cannot be written is lost, without an error.
class ErrorStream {
 public:
  /// Writes a line and a line's end, above the status if there is one.
  void line(std::string_view text);
  /// Draws the status (one terminal line, no line's end) in place of the one before; empty removes it.
  void status(std::string_view text);

 private:
  std::mutex mutex_;
  std::string status_;  ///< what is on the screen now
};

/// The one of this process.
ErrorStream& error_stream();

/// Whether standard error is a terminal that can redraw a line, and its width in columns (80 if it does not say).
bool error_stream_is_terminal();
unsigned error_stream_columns();

/// Sends spdlog's default logger to error_stream(). Called once, before other threads log.
void set_up_logging(LogLevel level, LogFormat format);

/// One log line, without its end: "2025-02-01 00:00:00.000 info  text" in UTC, or a JSON object with time, level,
/// message. The message cannot hold line ends or steer a terminal.
std::string log_line(LogFormat format, std::chrono::system_clock::time_point time, std::string_view level,
                     std::string_view message);

/// Writes all of `text` to a file descriptor; false if that failed (errno says why).
bool write_all(int descriptor, std::string_view text);

}  // namespace rebuild_projection

#pragma once

#include <stop_token>
#include <thread>

namespace rebuild_projection {

/// Keeps SIGINT, SIGTERM and SIGHUP from ending the process, in this thread and every one it starts later; SIGPIPE and
/// SIGXFSZ are ignored. Called first in main, before any thread exists.
void block_signals();

/// Turns those signals into requests, from a thread of its own, until it is destroyed. The first requests `stop`, the
/// second `abort`, the third ends the process at once with exit code 3. block_signals() must have been called.
class SignalWatch {
 public:
  /// Throws std::system_error if the kernel refuses.
  SignalWatch(std::stop_source stop, std::stop_source abort);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

 private:
  void watch();

  std::stop_source stop_, abort_;
  int signals_ = -1;  ///< signalfd
  int ended_ = -1;    ///< eventfd: becomes readable when the watch is over
  std::thread thread_;
};

}  // namespace rebuild_projection

#include "tools/signals.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

namespace rebuild_projection {

namespace {

constexpr int exit_cancelled = 3;

/// SIGHUP stays ignored under nohup. SIGINT is not looked at in that way: a shell script starts its background jobs
/// with SIGINT ignored, and a rebuild there must be stoppable too.
sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  using Action = struct sigaction;  // the struct, not the function
  Action action{};
  if (sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP);
  return set;
}

/// Nothing where standard error is a pipe that is full and nobody empties: the next signal must be heard.
void say(const signalfd_siginfo& signal, const char* what) {
  pollfd error_stream{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&error_stream, 1, 0) != 1) return;
  const std::uint32_t number = signal.ssi_signo;
  spdlog::warn("{}: {}", number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP", what);
}

}  // namespace

void block_signals() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // write() fails all the same
  std::signal(SIGXFSZ, SIG_IGN);  // as it does at the limit of a file's size
}

SignalWatch::SignalWatch(std::stop_source stop, std::stop_source abort)
    : stop_(std::move(stop)), abort_(std::move(abort)) {
  const sigset_t set = watched_signals();
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  ended_ = ::eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || ended_ < 0) {
    const int error = errno;
    if (signals_ >= 0) ::close(signals_);
    throw std::system_error(error, std::generic_category(), "cannot watch for signals");
  }
  thread_ = std::thread([this] { watch(); });
}

SignalWatch::~SignalWatch() {
  const std::uint64_t one = 1;
  while (::write(ended_, &one, sizeof one) < 0 && errno == EINTR) continue;
  thread_.join();
  ::close(signals_);
  ::close(ended_);
}

void SignalWatch::watch() {
  unsigned seen = 0;
  while (true) {
    std::array<pollfd, 2> ready{{{signals_, POLLIN, 0}, {ended_, POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
    if ((ready[1].revents & POLLIN) != 0) return;
    signalfd_siginfo signal{};
    if (::read(signals_, &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal)) continue;
    ++seen;
    if (seen == 1) {
      stop_.request_stop();
      say(signal, "stopping after the batch being committed, if there is one; a second signal cancels it");
    } else if (seen == 2) {
      abort_.request_stop();
      say(signal, "cancelling the batch being committed; a third signal ends the program at once");
    } else {
      ::_exit(exit_cancelled);  // whatever is open is rolled back by the server
    }
  }
}

}  // namespace rebuild_projection

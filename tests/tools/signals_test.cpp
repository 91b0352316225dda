// Without this file Ctrl-C could kill a rebuild in the middle of a batch, or not stop it at all.
#include "tools/signals.h"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <optional>

#include <array>
#include <csignal>
#include <functional>

namespace rebuild_projection {
namespace {

/// Runs `body` in a process of its own, since signals and their masks are a process's; gives its exit code, or minus
/// the signal that ended it. A body that waits in vain is ended by SIGALRM.
int exit_code_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void wait_for(const std::stop_source& source) {
  while (!source.stop_requested()) ::poll(nullptr, 0, 1);
}

TEST(SignalWatch, FirstStopsSecondAbortsThirdEndsTheProcess) {
  EXPECT_EQ(exit_code_of([] {
              block_signals();
              std::stop_source stop, abort;
              const SignalWatch watch(stop, abort);
              ::kill(::getpid(), SIGINT);
              wait_for(stop);
              if (abort.stop_requested()) return 10;
              ::kill(::getpid(), SIGTERM);
              wait_for(abort);
              ::kill(::getpid(), SIGHUP);
              while (true) ::pause();
            }),
            3);
}

TEST(SignalWatch, EachSignalStops) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    EXPECT_EQ(exit_code_of([signal] {
                block_signals();
                std::stop_source stop, abort;
                const SignalWatch watch(stop, abort);
                ::kill(::getpid(), signal);
                wait_for(stop);
                return 0;
              }),
              0);
}

TEST(SignalWatch, EndsWithoutASignal) {
  EXPECT_EQ(exit_code_of([] {
              block_signals();
              std::stop_source stop, abort;
              std::optional<SignalWatch> watch(std::in_place, stop, abort);
              watch.reset();
              return stop.stop_requested() || abort.stop_requested() ? 10 : 0;
            }),
            0);
}

TEST(SignalWatch, LeavesSighupIgnoredUnderNohupButTakesSigint) {
  EXPECT_EQ(exit_code_of([] {
              std::signal(SIGHUP, SIG_IGN);
              std::signal(SIGINT, SIG_IGN);
              block_signals();
              std::stop_source stop, abort;
              const SignalWatch watch(stop, abort);
              ::kill(::getpid(), SIGHUP);
              ::kill(::getpid(), SIGINT);
              wait_for(stop);
              ::poll(nullptr, 0, 50);
              return abort.stop_requested() ? 10 : 0;  // SIGHUP would have been the other of two signals
            }),
            0);
}

TEST(BlockSignals, AClosedPipeIsAnErrorAndNotTheEnd) {
  EXPECT_EQ(exit_code_of([] {
              block_signals();
              std::array<int, 2> ends{};
              if (::pipe(ends.data()) != 0) return 10;
              ::close(ends[0]);
              return ::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 11;
            }),
            0);
}

}  // namespace
}  // namespace rebuild_projection

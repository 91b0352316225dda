#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "pipeline/error.h"
#include "pipeline/options.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Thrown by LastingSession's work: it may succeed later, and is to be tried again.
struct TryAgain : RunError {
  using RunError::RunError;
};

/// A session for work that must survive what is transient (SqlError::transient): a deadlock, a lost connection, a
/// server that restarts. Work is tried again as a whole, on a new connection where the old one is lost; nothing of a
/// lost session is assumed to be there. One thread at a time.
class LastingSession {
 public:
  /// Makes a session; `lost` is the backend of the one before it, which may still be running. Throws CannotConnect or a
  /// transient SqlError where it is worth trying again.
  using Connect = std::function<std::unique_ptr<Session>(const Session::Backend* lost)>;

  /// `first` may be null: the first use connects, to a server that was there before. A stop of `give_up` ends a wait
  /// between tries with Cancelled.
  LastingSession(std::unique_ptr<Session> first, Connect connect, RetryLimits limits, std::stop_token give_up);

  /// Calls `work` with the session until it comes through, and returns what it returns. Between tries the transaction
  /// is rolled back. Throws what `work` throws if that is neither transient nor TryAgain, and RunError when the limits
  /// are reached.
  template <typename Work>
  auto use(Work&& work) {
    for (Tries tries;;) {
      try {
        return work(session());
      } catch (const std::exception&) {
        prepare_next(tries);
      }
    }
  }

  /// Sessions so far; another number means that nothing of the session before is left.
  [[nodiscard]] unsigned number() const { return number_; }
  /// Tries again, of all work so far.
  [[nodiscard]] std::uint64_t retries() const { return retries_; }

 private:
  struct Tries {
    unsigned failed = 0;
    std::chrono::steady_clock::time_point first_failure;
  };

  Session& session();
  /// In a handler: rethrows unless the work may be tried again, else waits until it is time to.
  void prepare_next(Tries& tries);
  void roll_back();
  void wait(Tries& tries, const std::string& failure);

  std::unique_ptr<Session> session_;
  Session::Backend lost_;  ///< of the last session
  Connect connect_;
  RetryLimits limits_;
  std::stop_token give_up_;
  unsigned number_ = 0;
  std::uint64_t retries_ = 0;
};

}  // namespace rebuild_projection

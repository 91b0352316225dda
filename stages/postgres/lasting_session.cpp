#include "stages/postgres/lasting_session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

constexpr std::chrono::milliseconds first_delay{100};
constexpr std::chrono::milliseconds longest_delay{5'000};

/// Doubles from try to try. Half of it is drawn, so that programs that a server threw out do not all come back at once.
std::chrono::milliseconds delay_before(unsigned retry) {
  constexpr unsigned doublings_max = 10;
  const auto longest = std::min(first_delay * (1U << std::min(retry, doublings_max)), longest_delay);
  thread_local std::minstd_rand random{std::random_device{}()};
  return longest / 2 +
         std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, longest.count() / 2)(random));
}

/// False if a stop ended it.
bool sleep_unless(const std::stop_token& stop, std::chrono::milliseconds delay) {
  std::mutex mutex;
  std::condition_variable_any over;
  std::unique_lock lock(mutex);
  over.wait_for(lock, stop, delay, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

LastingSession::LastingSession(std::unique_ptr<Session> first, Connect connect, RetryLimits limits,
                               std::stop_token give_up)
    : session_(std::move(first)), connect_(std::move(connect)), limits_(limits), give_up_(std::move(give_up)) {
  if (session_) {
    lost_ = session_->backend();
    number_ = 1;
  }
}

Session& LastingSession::session() {
  if (session_) return *session_;
  session_ = connect_(number_ == 0 ? nullptr : &lost_);
  lost_ = session_->backend();
  ++number_;
  return *session_;
}

void LastingSession::prepare_next(Tries& tries) {
  try {
    throw;
  } catch (const SqlError& error) {
    if (error.connection_lost()) session_.reset();
    if (!error.transient()) throw;
    if (limits_.retries == 0) throw;
    roll_back();
    wait(tries, error.what());
  } catch (const TryAgain& error) {
    roll_back();
    wait(tries, error.what());
  } catch (const CannotConnect& error) {
    wait(tries, error.what());
  }
}

void LastingSession::roll_back() {
  if (!session_) return;
  try {
    session_->execute("ROLLBACK");
  } catch (const SqlError&) {
    session_.reset();
  }
}

void LastingSession::wait(Tries& tries, const std::string& failure) {
  const auto now = std::chrono::steady_clock::now();
  if (tries.failed++ == 0) tries.first_failure = now;
  const auto delay = delay_before(tries.failed - 1);
  if (tries.failed > limits_.retries || now + delay - tries.first_failure > limits_.seconds_max)
    throw RunError(failure + "; it was tried again " + std::to_string(tries.failed - 1) + " times within " +
                   std::to_string(std::chrono::round<std::chrono::seconds>(now - tries.first_failure).count()) +
                   " s (--retries, --retry-max-seconds)");
  spdlog::warn("{}; trying again in {:.1f} s (try {} of {})", failure, std::chrono::duration<double>(delay).count(),
               tries.failed, limits_.retries);
  if (!sleep_unless(give_up_, delay)) throw Cancelled("stopped while it was to be tried again: " + failure);
  ++retries_;
}

}  // namespace rebuild_projection

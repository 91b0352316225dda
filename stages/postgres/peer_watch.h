#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "stages/postgres/connecting.h"

struct pg_cancel;

namespace rebuild_projection {

/// Ends a session's waits for its server that would not end by themselves, from a thread of its own. It never touches
/// the session's connection: it asks on a second one, cancels as libpq does, and shuts the socket down at last, after
/// which libpq finds the connection lost.
///
/// When a call has heard nothing for half of the peer timeout, the server is asked, on a second connection, what the
/// session's backend does. While it works or waits for a lock all is well, for hours. Where nobody answers, or the
/// backend waits for us while we wait for it, or is gone, the connection is cut when the time is over. A COMMIT that
/// waits for a synchronous standby may do so for hours too, and the log says so after two seconds. A backend that
/// stands still in the middle of a statement, stopped by a debugger say, cannot be told from one that works.
class PeerWatch {
 public:
  /// `connection` is open; whoever owns it closes it later than this goes. Throws std::system_error.
  PeerWatch(pg_conn* connection, std::chrono::milliseconds peer_timeout);
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;
  ~PeerWatch();

  /// A call of libpq that may wait for the server. One at a time.
  class Call {
   public:
    explicit Call(PeerWatch& watch) : watch_(watch) { watch_.count(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { watch_.count(); }

   private:
    PeerWatch& watch_;
  };

  /// What the second connection asks for. Until it is known, no statement may take long.
  struct Backend {
    std::string pid, started, server_started;
    bool commits = false;  ///< what it writes
  };
  void knows(Backend backend);

  /// The running statement is cancelled as soon as `at_once` is requested. When `waits` was requested a second ago, one
  /// that waits for another session's lock is cancelled, and one whose server does not answer is cut off. A COMMIT that
  /// waits for a synchronous standby no longer does, and has come through.
  void cancel_on(std::stop_token at_once, std::stop_token waits);
  /// Throws Cancelled if `at_once` is requested.
  void refuse_if_stopped() const;
  /// Whether a stop is why a statement was cancelled or its connection cut.
  [[nodiscard]] bool stopped() const;
  /// Why the connection was cut; "" where it was not.
  [[nodiscard]] std::string why_cut() const;

  /// Cancels the running statement and waits until the server has taken note, or the connection is cut. In a Call.
  void cancel_and_wait();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Doing : std::uint8_t { no_answer, unknown, works, waits_for_lock, waits_for_standby, waits_for_us };
  struct Cancelling;
  /// The call that is running, as far as the watch has seen.
  struct Seen {
    std::uint64_t calls = 0;
    std::uint64_t bytes = 0;
    Clock::time_point since;          ///< when it was first seen
    Clock::time_point next_question;  ///< unless something is heard
    Clock::time_point standby_question;
    bool waited_for_us = false;                            ///< so it said when it was last asked
    bool standby_named = false, standby_given_up = false;  ///< in the log
  };

  void count() { calls_.store(calls_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  void run();
  [[nodiscard]] bool running() const { return calls_.load(std::memory_order_acquire) % 2 == 1; }
  /// False where the call goes on as it was when it was last seen: nothing has come.
  bool something_came();
  void look(bool at_once, bool waits);
  void look_at_stop();   ///< requested at once
  void look_at_waits();  ///< after a stop
  void look_at_silence();
  void say_given_up();
  /// False where something was done a moment ago.
  bool act_now();
  [[nodiscard]] Doing ask(Clock::time_point deadline);
  void send_cancel();
  void cut(const std::string& why);

  const std::chrono::milliseconds peer_timeout_;
  const ConnectionParameters second_;  ///< how another connection to the same host is made
  const int socket_;                   ///< of our own: libpq may close its own at any time
  const std::shared_ptr<pg_cancel> cancel_;

  std::atomic<std::uint64_t> calls_ = 0;  ///< begun and ended ones: odd while one is running
  std::atomic<bool> gave_up_ = false;     ///< to wait, after a stop
  std::atomic<bool> commits_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::string why_cut_;
  std::optional<Backend> backend_;
  std::stop_token at_once_, waits_;
  std::optional<std::stop_callback<std::function<void()>>> wake_at_once_, wake_waits_;
  std::shared_ptr<Cancelling> cancelling_;

  // The watching thread's.
  Seen seen_;
  std::optional<Clock::time_point> stopped_at_, waits_since_;
  std::optional<Clock::time_point> acted_at_;
  std::thread thread_;
};

}  // namespace rebuild_projection

#include "stages/postgres/peer_watch.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "pipeline/error.h"
#include "stages/postgres/settings.h"

namespace rebuild_projection {

namespace {

/// Between two looks: as a rule, and while a stop is requested.
constexpr std::chrono::milliseconds look_every_max{500}, look_every_stopped{50};
/// A cancel request that arrives between two statements has no effect, and a lock may come to be waited for: what is
/// done about a stop is repeated.
constexpr std::chrono::milliseconds act_again_after{300};
/// How long a statement may go on after a stop before something is done about it, or its connection is cut.
constexpr std::chrono::milliseconds grace{1000};
/// For an answer to the question what a backend does, after a stop.
constexpr std::chrono::milliseconds answer_after_stop_max{500};
/// How long a session that writes hears nothing before it is asked whether a COMMIT waits for a standby.
constexpr std::chrono::milliseconds standby_asked_after{2000};

int copy_of(int socket) {
  const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "cannot watch a connection");
  return copy;
}

/// As the connection was made, but to the very host that it reached.
ConnectionParameters parameters_of(pg_conn* connection) {
  ConnectionParameters result;
  PQconninfoOption* options = PQconninfo(connection);
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option)
    if (option->val != nullptr) result.emplace_back(option->keyword, option->val);
  PQconninfoFree(options);
  for (const auto& [keyword, value] :
       {std::pair("host", PQhost(connection)), std::pair("hostaddr", PQhostaddr(connection)),
        std::pair("port", PQport(connection))})
    result.emplace_back(keyword, value != nullptr ? value : "");
  result.emplace_back("connect_timeout", "");
  result.emplace_back("target_session_attrs", "any");
  return result;
}

/// Bytes that a TCP socket has received; 0 of any other.
std::uint64_t bytes_received(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_bytes_received;
}

bool has_bytes(int socket) {
  pollfd one{socket, POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

}  // namespace

/// A cancel request on its way. It belongs to the thread that sends it, which may outlive everything else: libpq waits
/// for the server for as long as that takes.
struct PeerWatch::Cancelling {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;  ///< or given up
  void end() {
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  }
};

PeerWatch::PeerWatch(pg_conn* connection, std::chrono::milliseconds peer_timeout)
    : peer_timeout_(peer_timeout),
      second_(parameters_of(connection)),
      socket_(copy_of(PQsocket(connection))),
      cancel_(PQgetCancel(connection), [](PGcancel* cancel) { PQfreeCancel(cancel); }) {
  thread_ = std::thread([this] { run(); });
}

PeerWatch::~PeerWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(socket_);
}

void PeerWatch::knows(Backend backend) {
  const std::lock_guard lock(mutex_);
  commits_ = backend.commits;
  backend_ = std::move(backend);
}

void PeerWatch::cancel_on(std::stop_token at_once, std::stop_token waits) {
  const std::lock_guard lock(mutex_);
  at_once_ = std::move(at_once);
  waits_ = std::move(waits);
  wake_at_once_.emplace(at_once_, [this] { changed_.notify_all(); });
  wake_waits_.emplace(waits_, [this] { changed_.notify_all(); });
}

void PeerWatch::refuse_if_stopped() const {
  const std::lock_guard lock(mutex_);
  if (at_once_.stop_requested()) throw Cancelled("stopped");
}

bool PeerWatch::stopped() const {
  const std::lock_guard lock(mutex_);
  return gave_up_ || at_once_.stop_requested();
}

std::string PeerWatch::why_cut() const {
  const std::lock_guard lock(mutex_);
  return why_cut_;
}

void PeerWatch::run() {
  std::unique_lock lock(mutex_);
  const auto requested = [](const std::stop_token& stop, std::optional<Clock::time_point>& since) {
    if (stop.stop_requested() != since.has_value())
      since = stop.stop_requested() ? std::optional(Clock::now()) : std::nullopt;
    return since.has_value();
  };
  while (!over_) {
    const bool at_once = requested(at_once_, stopped_at_), waits = requested(waits_, waits_since_);
    const bool is_cut = !why_cut_.empty();
    lock.unlock();
    try {
      if (running() && !is_cut) look(at_once, waits);
    } catch (const std::exception&) {  // no memory is to be had: it looks again
    }
    lock.lock();
    if (!over_)
      changed_.wait_for(lock, at_once || waits ? look_every_stopped : std::min(look_every_max, peer_timeout_ / 8));
  }
}

void PeerWatch::look(bool at_once, bool waits) {
  const bool silent = !something_came();
  if (at_once)
    look_at_stop();
  else if (waits)
    look_at_waits();
  else if (silent)
    look_at_silence();
}

bool PeerWatch::something_came() {
  const std::uint64_t calls = calls_.load(std::memory_order_acquire), bytes = bytes_received(socket_);
  if (calls == seen_.calls && bytes == seen_.bytes && !has_bytes(socket_)) return false;
  const auto now = Clock::now();
  const bool same_call = calls == seen_.calls;
  seen_ = {.calls = calls,
           .bytes = bytes,
           .since = same_call ? seen_.since : now,
           .next_question = now + peer_timeout_ / 2,
           .standby_question = now + standby_asked_after,
           .standby_named = same_call && seen_.standby_named};
  return true;
}

bool PeerWatch::act_now() {
  const auto now = Clock::now();
  if (acted_at_ && now - *acted_at_ < act_again_after) return false;
  acted_at_ = now;
  return true;
}

void PeerWatch::look_at_stop() {
  if (act_now()) {
    if (seen_.standby_named) say_given_up();
    send_cancel();
  }
  if (Clock::now() - *stopped_at_ >= grace) cut("the server did not end a statement that was cancelled");
}

void PeerWatch::look_at_waits() {
  const auto now = Clock::now();
  if (now - *waits_since_ < grace || now - seen_.since < act_again_after || !act_now()) return;
  const Doing doing = ask(now + answer_after_stop_max);
  if (calls_.load(std::memory_order_acquire) != seen_.calls) return;  // it has ended meanwhile
  switch (doing) {
    case Doing::waits_for_standby:
      say_given_up();
      [[fallthrough]];
    case Doing::waits_for_lock:
      gave_up_ = true;
      send_cancel();
      break;
    case Doing::waits_for_us:
      if (!std::exchange(seen_.waited_for_us, true)) break;
      [[fallthrough]];
    case Doing::no_answer:
      gave_up_ = true;
      cut("the server does not answer");
      break;
    case Doing::unknown:
    case Doing::works:
      seen_.waited_for_us = false;
      break;
  }
}

void PeerWatch::look_at_silence() {
  const auto now = Clock::now();
  if (now >= seen_.standby_question && now < seen_.next_question && commits_) {
    seen_.standby_question = seen_.next_question;
    static_cast<void>(ask(seen_.next_question));
    return;
  }
  if (now < seen_.next_question) return;
  seen_.next_question = now + peer_timeout_ / 2;
  const std::string limit = " for " + std::to_string(peer_timeout_.count() / 1000) + " s (--peer-timeout)";
  const Doing doing = ask(now + peer_timeout_ / 2);
  if (something_came()) return;
  switch (doing) {
    case Doing::no_answer:
      cut("the server was not heard of" + limit);
      break;
    case Doing::waits_for_us:
      if (std::exchange(seen_.waited_for_us, true)) cut("the server's answer did not come" + limit);
      break;
    case Doing::unknown:
    case Doing::works:
    case Doing::waits_for_lock:
    case Doing::waits_for_standby:
      seen_.waited_for_us = false;
      break;
  }
}

void PeerWatch::say_given_up() {
  if (std::exchange(seen_.standby_given_up, true)) return;
  spdlog::warn("the wait for a synchronous standby is given up: what was committed stays, and the standby may lack it");
}

/// Of another server that answers at the same address, nothing can be learnt.
PeerWatch::Doing PeerWatch::ask(Clock::time_point deadline) {
  std::optional<Backend> backend;
  std::stop_token at_once, waits;
  {
    const std::lock_guard lock(mutex_);
    backend = backend_;
    at_once = at_once_;
    waits = waits_;
  }
  const bool stopped = waits.stop_requested();
  bool interrupted = false;
  const Patience patience{deadline, [&] {
                            const std::lock_guard lock(mutex_);
                            // What is asked after a stop is in a hurry already.
                            return interrupted =
                                       over_ || at_once.stop_requested() || (waits.stop_requested() && !stopped);
                          }};
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  const RawConnection connection = connect_within(second_, time, patience.interrupted);
  if (interrupted) return Doing::unknown;
  if (!connection) return Doing::no_answer;
  // It answers, if only that it has no connection to spare.
  if (PQstatus(connection.get()) != CONNECTION_OK) return Doing::unknown;
  if (!backend) return Doing::waits_for_us;  // what sets it up takes no time
  Answer answer;
  const bool answered =
      ask_within(connection.get(), pin_settings("watch", Session::Access::read_only), {}, patience, answer) &&
      ask_within(connection.get(),
                 "SELECT a.pid, a.state, a.wait_event_type, a.wait_event, current_setting('synchronous_standby_names')"
                 " FROM (SELECT) AS one LEFT JOIN pg_stat_activity AS a ON a.pid = $1::integer AND"
                 " a.backend_start = $2::timestamptz WHERE pg_postmaster_start_time() = $3::timestamptz",
                 {backend->pid, backend->started, backend->server_started}, patience, answer);
  if (interrupted) return Doing::unknown;
  if (!answered) return Doing::no_answer;
  if (answer.empty()) return Doing::unknown;
  const std::string &pid = answer[0][0], &state = answer[0][1], &wait = answer[0][2];
  if (wait == "Lock") return Doing::waits_for_lock;
  if (answer[0][3] == "SyncRep") {
    if (!std::exchange(seen_.standby_named, true) && !stopped)
      spdlog::warn(
          "COMMIT waits for a synchronous standby (synchronous_standby_names is {}); a signal ends the wait, and what "
          "was committed stays",
          answer[0][4]);
    return Doing::waits_for_standby;
  }
  // It is gone, or has said what it had to say, or the connection's other end is waited for.
  return pid.empty() || state.starts_with("idle") || wait == "Client" ? Doing::waits_for_us : Doing::works;
}

void PeerWatch::send_cancel() {
  const std::lock_guard lock(mutex_);
  if (cancelling_) {
    const std::lock_guard other(cancelling_->mutex);
    if (!cancelling_->done) return;
  }
  auto cancelling = std::make_shared<Cancelling>();
  try {
    std::thread([cancelling, cancel = cancel_] {
      std::array<char, 256> error{};
      PQcancel(cancel.get(), error.data(), static_cast<int>(error.size()));
      cancelling->end();
    }).detach();
    cancelling_ = std::move(cancelling);
  } catch (const std::system_error&) {  // no thread is to be had: the connection is cut when the time comes
  }
}

void PeerWatch::cancel_and_wait() {
  send_cancel();
  std::shared_ptr<Cancelling> sent;
  {
    const std::lock_guard lock(mutex_);
    if (!why_cut_.empty() || !cancelling_) return;
    sent = cancelling_;
  }
  std::unique_lock lock(sent->mutex);
  sent->changed.wait(lock, [&] { return sent->done; });
}

void PeerWatch::cut(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (why_cut_.empty()) why_cut_ = why;
  ::shutdown(socket_, SHUT_RDWR);
  if (cancelling_) cancelling_->end();
}

}  // namespace rebuild_projection

#include "tests/faults/torture_faults.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/faults/invariants.h"
#include "tests/support/batch_points.h"
#include "tests/support/live_store.h"

namespace rebuild_projection::test {

namespace {

using Clock = std::chrono::steady_clock;

enum class Fault : std::uint8_t {
  none,
  kill,
  one_signal,
  two_signals,
  terminate_backend,
  cut_at_commit,
  cut_anywhere,
  slow,
  silence,
  server_stop,
  lock_holder,
};
constexpr std::array<std::string_view, 11> names{
    "no fault",           "kill -9",           "one signal",   "two signals",
    "backend terminated", "cut around COMMIT", "cut anywhere", "slow connection and a signal",
    "silent connection",  "server stopped",    "lock holder"};
constexpr std::array cuts{Verdict::cut, Verdict::strand, Verdict::forward_then_cut, Verdict::lose_answer};
constexpr std::chrono::seconds patience{120};
constexpr unsigned appended_max = 500;  ///< events that come during a run
constexpr double end_seconds_max = 10;  ///< generous: the machine may be busy

class Cycle {
 public:
  Cycle(const OwnServer& server, unsigned seed, unsigned number, std::optional<Fault> only)
      : server_(server), random_(seed * 7919U + number) {
    fault_ = static_cast<Fault>(draw(0, names.size() - 1));
    // Kills are what there should be most of.
    if (draw(0, 2) == 0) fault_ = draw(0, 3) == 0 ? Fault::cut_at_commit : Fault::kill;
    fault_ = only.value_or(fault_);
    shadow_ = draw(0, 2) == 0;
    order_ = std::array{&by_number, &by_time, &by_transaction}[draw(0, 2)];
    batch_size_ = std::array{1, 3, 10, 50, 200, 5000}[draw(0, 5)];
    truncate_ = !shadow_ && draw(0, 5) == 0;
    writers_ = static_cast<int>(draw(0, 2) == 0 && fault_ != Fault::server_stop ? draw(1, 4) : 0);
    events_ = draw(50, batch_size_ < 10 ? 250 : 1500);
    at_message_ = draw(0, 3) == 0 ? draw(1, 60) : draw(40, 80 + events_ / static_cast<unsigned>(batch_size_) * 8);
    at_batch_ = static_cast<int>(draw(1, std::min(events_ / static_cast<unsigned>(batch_size_) + 1, 20U)));
    make_store();
  }

  CycleResult run() {
    CycleResult result;
    Invariants invariants(store_, *order_);
    std::unique_ptr<Reader> reader;
    if (!truncate_) reader = std::make_unique<Reader>(store_, *order_);
    std::unique_ptr<LiveWriters> writers;
    if (writers_ > 0) writers = start_writers();
    const Outcome first = run_with_fault(result);
    if (writers) writers->stop();
    result.fault = names[static_cast<std::size_t>(fault_)];
    result.took_place = reached_ && fault_ != Fault::none;
    result.exit_code = first.exit_code;
    result.log = first.err;
    if (reader) add(result.wrong, "A", reader->stop());  // a TRUNCATE empties older snapshots
    add(result.wrong, "E", invariants.nothing_left());
    add(result.wrong, "E", exit_mistake(first.exit_code, result));
    add(result.wrong, "O", invariants.prefix());
    add(result.wrong, "R", invariants.store_unchanged());
    finish(result, invariants, first.exit_code);
    result.description = description(result);
    return result;
  }

 private:
  unsigned draw(unsigned from, std::size_t to) {
    return std::uniform_int_distribution<unsigned>(from, static_cast<unsigned>(to))(random_);
  }

  static void add(std::string& all, const char* invariant, const std::string& wrong) {
    if (!wrong.empty()) all += std::string(all.empty() ? "" : "; ") + invariant + ": " + wrong;
  }

  void insert(unsigned first, unsigned last) { store_.database.execute(LiveStore::insert(first, last)); }

  void make_store() {
    LiveStore::give_clock_and_number(store_.database);
    if (order_ == &by_transaction) LiveStore::give_transactions(store_.database);
    if (!order_->store_order.empty())
      store_file_ = LiveStore::write_store_file(store_, order_->store_order, order_->more);
    const unsigned before = draw(0, 1) == 0 ? 0 : events_ / 2;
    if (before > 0) {  // there is a complete rebuild, of fewer events
      for (unsigned at = 1; at <= before; at += 10) insert(at, std::min(at + 9, before));
      const Outcome run = store_.run(arguments({}, false));
      if (run.exit_code != 0) throw std::runtime_error("the first rebuild failed: " + run.err);
    }
    for (unsigned at = before + 1; at <= events_; at += 10) insert(at, std::min(at + 9, events_));
    next_ = events_ + 1;
  }

  std::unique_ptr<LiveWriters> start_writers() {
    return std::make_unique<LiveWriters>(store_.database, writers_, 20,
                                         [this](OtherClient& client, const LiveWriters::Pause& pause) {
                                           pause(3);
                                           // However slow the rebuild is, it can catch up in the end.
                                           if (next_ > events_ + appended_max) return;
                                           const std::uint64_t number = next_++;
                                           client.execute(LiveStore::insert(number, number));
                                           pause(number % 16 == 0 ? 1000 : 10);  // others commit before it
                                         });
  }

  std::vector<std::string> arguments(std::vector<std::string> more, bool faulty = true) {
    std::string names_of_projections;
    for (const std::string& name : order_->projections)
      names_of_projections += (names_of_projections.empty() ? "" : ",") + name;
    more.insert(more.begin(),
                {"--projection", names_of_projections, "--mode", "APPLY", "--batch-size", std::to_string(batch_size_),
                 "--readers", std::to_string(draw(1, 3)), "--tokens", std::to_string(draw(1, 8)), "--workers",
                 std::to_string(draw(1, 2)), "--payload", draw(0, 1) == 0 ? "whole" : "slim", "--progress", "none"});
    if (!store_file_.empty()) more.insert(more.end(), {"--store", store_file_});
    if (faulty && shadow_) more.insert(more.end(), {"--strategy", "shadow"});
    if (faulty && fault_ == Fault::silence) more.insert(more.end(), {"--peer-timeout", "1"});
    return more;
  }

  /// One call at a time: the proxy's hook.
  Verdict judge(const Message& message) {
    const BatchPoint point = points_.see(message);
    if (fault_ == Fault::cut_at_commit) {
      if (reached_ || points_.batch() < at_batch_) return Verdict::pass;
      if (point != BatchPoint::commit_sent && point != BatchPoint::committed) return Verdict::pass;
      if ((point == BatchPoint::committed) != (at_message_ % 5 == 0)) return Verdict::pass;
      reached_ = true;
      return point == BatchPoint::committed ? Verdict::cut : cuts[at_message_ % cuts.size()];
    }
    if (reached_ || !message.from_client || ++seen_ < at_message_) return Verdict::pass;
    reached_ = true;
    switch (fault_) {
      case Fault::kill:
        kill(pid_, SIGKILL);
        return Verdict::pass;
      case Fault::terminate_backend:
        store_.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE "
            "'rebuild\\_projection/%'"
            " AND datname = current_database() AND (pid + " +
            std::to_string(at_message_) + ") % 2 = 0");
        return Verdict::pass;
      case Fault::cut_anywhere:
        return cuts[at_message_ % cuts.size()];
      case Fault::slow:
        return Verdict::dribble;
      case Fault::silence:
        return Verdict::silence;
      default:
        return Verdict::pass;
    }
  }

  Outcome run_with_fault(CycleResult& result) {
    const Proxy proxy([this](const Message& message) {
      while (pid_ == 0) std::this_thread::yield();
      return judge(message);
    });
    std::vector<std::string> more{"--dsn", proxy.dsn(store_.database.name())};
    if (truncate_) more.emplace_back("--truncate");
    Program program(store_.with_places(arguments(more)));
    pid_ = program.pid();
    std::jthread beside([&] { do_beside(program); });
    Outcome outcome{program.wait(patience), nullptr};
    ended_ = true;
    beside.join();
    if (signalled_) result.end_seconds = std::chrono::duration<double>(Clock::now() - *signalled_).count();
    return outcome;
  }

  bool wait_until_reached() {
    while (!reached_ && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return reached_;
  }

  /// What is not done in the middle of a message.
  void do_beside(const Program& program) {
    std::unique_ptr<OtherClient> other;
    if (fault_ == Fault::lock_holder && wait_until_reached()) {
      other = std::make_unique<OtherClient>(store_.database);
      try {
        other->execute("SET LOCAL lock_timeout = '2s'; SELECT FROM event_rows LIMIT 50 FOR UPDATE");
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + at_message_));
      } catch (const std::exception&) {  // the rebuild has them
      }
    }
    // What is slow for good is ended by somebody in the end.
    const bool signals = fault_ == Fault::one_signal || fault_ == Fault::two_signals || fault_ == Fault::slow;
    if (signals && wait_until_reached()) {
      if (fault_ == Fault::slow) std::this_thread::sleep_for(std::chrono::milliseconds(at_message_ * 10));
      signalled_ = Clock::now();
      program.signal(SIGTERM);
      if (fault_ == Fault::two_signals) program.signal(SIGINT);
    }
    if (fault_ == Fault::server_stop && wait_until_reached()) {
      server_.stop(at_message_ % 2 == 0 ? "immediate" : "fast");
      server_.start();
      store_.database.reconnect();
    }
  }

  std::string exit_mistake(int exit_code, const CycleResult& result) const {
    if (result.end_seconds > end_seconds_max) return "a signal took " + std::to_string(result.end_seconds) + " s";
    const bool killed = exit_code == 128 + SIGKILL && fault_ == Fault::kill && reached_;
    const bool stopped = exit_code == 3 && signalled_;
    // Before the first batch a fault is a refusal.
    const bool failed = (exit_code == 1 || exit_code == 2) && reached_ && fault_ != Fault::none;
    return exit_code == 0 || killed || stopped || failed ? "" : "exit code " + std::to_string(exit_code);
  }

  void finish(CycleResult& result, Invariants& invariants, int exit_code) {
    std::vector<std::string> more;
    const bool resumes = exit_code == 0 || draw(0, 1) == 0;
    if (resumes)
      more = {"--resume"};
    else if (shadow_)
      more = {"--discard"};
    if (exit_code == 0 && shadow_) shadow_ = draw(0, 1) == 0;  // what is published can be gone on with in place
    fault_ = Fault::none;
    add(result.wrong, "E", invariants.beyond_horizon());
    const Outcome last = store_.run(arguments(more));
    if (last.exit_code != 0)
      add(result.wrong, "S",
          (resumes ? "resuming" : "running again") + std::string(" ended with ") + std::to_string(last.exit_code) +
              ": " + last.err);
    add(result.wrong, "S", invariants.whole());
    add(result.wrong, "E", invariants.nothing_left());
  }

  std::string description(const CycleResult& result) const {
    return result.fault + (result.took_place ? "" : " (not reached)") + ", " + (shadow_ ? "shadow" : "in place") +
           (truncate_ ? " truncated" : "") + ", " + order_->name + ", batches of " + std::to_string(batch_size_) +
           ", " + std::to_string(events_) + " events, " + std::to_string(writers_) + " writers, message " +
           std::to_string(at_message_) + ": exit code " + std::to_string(result.exit_code);
  }

  const OwnServer& server_;
  std::mt19937 random_;
  Fault fault_ = Fault::none;
  bool shadow_ = false, truncate_ = false;
  const EventOrder* order_ = nullptr;
  int batch_size_ = 1, writers_ = 0, at_batch_ = 1;
  unsigned events_ = 0, at_message_ = 0, seen_ = 0;
  Recruiting store_;
  std::string store_file_;
  std::atomic<std::uint64_t> next_ = 1;
  BatchPoints points_;
  std::atomic<bool> reached_ = false, ended_ = false;
  std::atomic<int> pid_ = 0;
  std::optional<Clock::time_point> signalled_;
};

}  // namespace

CycleResult run_cycle(const OwnServer& server, unsigned seed, unsigned number, const std::string& fault) {
  std::optional<Fault> only;
  if (const auto* const found = std::ranges::find(names, fault); found != names.end())
    only = static_cast<Fault>(found - names.begin());
  else if (!fault.empty())
    throw std::invalid_argument("torture: there is no fault \"" + fault + "\"");
  try {
    return Cycle(server, seed, number, only).run();
  } catch (const std::exception& error) {
    CycleResult result;
    result.wrong = error.what();
    return result;
  }
}

}  // namespace rebuild_projection::test

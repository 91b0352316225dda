#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {

/// A store whose events get their time from the server's clock, ts DEFAULT now(), and a number, n, as an identity: what
/// applications write while a rebuild runs. Rebuilt are event_rows, which shows events that are missing, and counters,
/// which shows those that were applied twice.
class LiveStore : public testing::Test {
 public:
  static constexpr const char* by_ts = R"(["ts", "event_id"])";
  static constexpr const char* by_n = R"(["n"])";
  static constexpr const char* by_transaction_and_n = R"(["transaction_id", "n"])";
  /// SQL that inserts events of one time.
  static std::string insert(std::uint64_t first, std::uint64_t last);
  /// Makes an event store such a one.
  static void give_clock_and_number(Database& database);
  /// Gives the events of such a store the transaction that appended them, as Emmett does; those there are have one.
  static void give_transactions(Database& database);
  /// Of a store file: events that no running transaction can precede in the order of transactions.
  static std::string horizon_line();
  /// Waits until it shows so many; false after half a minute. Transactions of other databases hold it back, too.
  static bool wait_for_horizon(Database& database, const std::string& events);
  /// Path of a store file in another order than the preset's; `more` are further lines.
  static std::string write_store_file(const Recruiting& store, const std::string& order, const std::string& more = "",
                                      const std::string& from = "event_store");

 protected:
  LiveStore();
  ~LiveStore() override;  ///< rolls back what is prepared

  void append(std::uint64_t first, std::uint64_t last) { store.database.execute(insert(first, last)); }

  std::string store_in_order(const std::string& order, const std::string& more = "",
                             const std::string& from = "event_store");

  std::unique_ptr<Program> start(std::vector<std::string> more = {});
  Outcome apply(const std::vector<std::string>& more = {});
  Outcome resume(std::vector<std::string> more = {});
  /// The fence's time runs out: the run ends with 1, and nothing has changed. Returns what it said.
  std::string refused(std::vector<std::string> more = {});

  /// Every event is applied once, and there are so many.
  void expect_whole(int events);

  Recruiting store;
};

/// Applications that write events while a rebuild runs, a thread and a connection each, in transactions that take their
/// time. One in twenty is rolled back.
class LiveWriters {
 public:
  /// Waits for so long at the most.
  using Pause = std::function<void(int longest_ms)>;
  /// What one transaction does, between BEGIN and its end. Called by all threads.
  using Write = std::function<void(OtherClient& client, const Pause& pause)>;

  /// Between its transactions each writer waits for `idle_ms` at the most.
  LiveWriters(const Database& database, int writers, int idle_ms, Write write);
  /// False if one of them has failed.
  bool stop();

 private:
  void run(const Database& database, const std::stop_token& stop);

  int idle_ms_;
  Write write_;
  std::atomic<bool> failed_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace rebuild_projection::test

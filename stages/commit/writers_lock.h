#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/commit/replacement.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/lasting_session.h"

namespace rebuild_projection {

/// Keeps writers, but not readers, out of live tables until the session's transaction ends, and bounds the time that
/// they wait because the transaction waits for others. It waits so that no other transaction is made to die by
/// deadlock: for rows without the server knowing, and for all else for less than what the server gives a deadlock. One
/// thread at a time.
class WritersLock {
 public:
  /// Begins a transaction and takes the lock (SHARE ROW EXCLUSIVE). The server ends the transaction if nothing is heard
  /// of it for 10 s longer than `patience`. Throws TryAgain, naming who is in the way, where the lock cannot be had
  /// within half a second: those who come later queue behind whoever waits for a lock.
  WritersLock(Session& session, std::vector<const CatalogueTable*> tables, std::chrono::seconds patience,
              std::stop_token stop);

  /// Of `patience`.
  [[nodiscard]] std::chrono::milliseconds left() const;

  /// Calls `work`, which waits for nobody: its time does not count.
  template <typename Work>
  auto unhurried(Work&& work) {
    const auto begin = std::chrono::steady_clock::now();
    auto result = work();
    deadline_ += std::chrono::steady_clock::now() - begin;
    return result;
  }

  /// Locks the rows that replace_rows() will change or delete. Throws TryAgain, naming who may hold one, where that
  /// takes longer than what is left, and Cancelled on a stop.
  void lock_rows(const std::vector<Replacement>& replacements);

  /// Calls `write`, in which waiting for another lock, as that of a row that a foreign key names, is TryAgain too.
  template <typename Write>
  void write(Write&& write) {
    try {
      write();
    } catch (const SqlError& error) {
      if (error.sqlstate != lock_not_available) throw;
      give_up_waiting();
    }
  }

 private:
  static constexpr const char* lock_not_available = "55P03";

  void lock_tables();
  [[nodiscard]] std::uint64_t lock_free_rows(const Replacement& table, bool to_go, const std::string& strength);
  [[nodiscard]] std::string holders_of_rows() const;
  /// Let writers in again, and throw TryAgain.
  [[noreturn]] void give_up(const std::string& why);
  [[noreturn]] void give_up_waiting();

  Session& session_;
  const std::vector<const CatalogueTable*> tables_;
  std::string names_;
  const std::chrono::seconds patience_;
  const std::stop_token stop_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace rebuild_projection

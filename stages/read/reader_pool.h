#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/postgres/lasting_session.h"

namespace rebuild_projection {

/// Sessions for work of several threads at once, made when they are first needed. Where the server has no room for a
/// further one, those that there are do the work. Thread-safe.
class ReaderPool {
 public:
  ReaderPool(LastingSession::Connect connect, unsigned sessions_max, RetryLimits limits, std::stop_token give_up)
      : connect_(std::move(connect)), sessions_max_(sessions_max), limits_(limits), give_up_(std::move(give_up)) {}

  /// LastingSession::use() on a session that no other thread is using; waits for one.
  template <typename Work>
  auto use(Work&& work) {
    const Lease lease(*this);
    return lease.session().use(work);
  }

  /// Of all sessions.
  [[nodiscard]] std::uint64_t retries() const;

 private:
  class Lease {
   public:
    explicit Lease(ReaderPool& pool) : pool_(pool), session_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(session_); }
    [[nodiscard]] LastingSession& session() const { return *session_; }

   private:
    ReaderPool& pool_;
    LastingSession* session_;
  };

  LastingSession* take();
  /// Null where none is to be had now, and why.
  std::unique_ptr<LastingSession> connect_further(std::string& failure) const;
  void give_back(LastingSession* session);

  const LastingSession::Connect connect_;
  unsigned sessions_max_;  ///< guarded by mutex_, as all below
  const RetryLimits limits_;
  const std::stop_token give_up_;
  mutable std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<LastingSession>> sessions_;
  std::vector<LastingSession*> idle_;
  unsigned connecting_ = 0;
};

}  // namespace rebuild_projection

#include "stages/read/reader_pool.h"

#include <spdlog/spdlog.h>

#include "pipeline/error.h"

namespace rebuild_projection {

LastingSession* ReaderPool::take() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!idle_.empty()) {
      LastingSession* session = idle_.back();
      idle_.pop_back();
      return session;
    }
    if (sessions_.size() + connecting_ >= sessions_max_) {
      given_back_.wait(lock);
      continue;
    }
    if (sessions_.empty() && connecting_ == 0) {  // nothing works without a first one: it is connected in its first use
      sessions_.push_back(std::make_unique<LastingSession>(nullptr, connect_, limits_, give_up_));
      return sessions_.back().get();
    }
    ++connecting_;
    lock.unlock();
    std::unique_ptr<LastingSession> session;
    try {
      session = std::make_unique<LastingSession>(connect_(nullptr), connect_, limits_, give_up_);
    } catch (const CannotConnect& error) {
      lock.lock();
      --connecting_;
      sessions_max_ = static_cast<unsigned>(sessions_.size());
      spdlog::warn("going on with {} readers: {}", sessions_max_, error.what());
      continue;
    } catch (...) {
      lock.lock();
      --connecting_;
      throw;
    }
    lock.lock();
    --connecting_;
    sessions_.push_back(std::move(session));
    return sessions_.back().get();
  }
}

void ReaderPool::give_back(LastingSession* session) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(session);
  }
  given_back_.notify_one();
}

std::uint64_t ReaderPool::retries() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& session : sessions_) sum += session->retries();
  return sum;
}

}  // namespace rebuild_projection

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
    std::string failure;
    try {
      session = connect_further(failure);
    } catch (...) {
      lock.lock();
      --connecting_;
      throw;
    }
    lock.lock();
    --connecting_;
    if (!session) {
      sessions_max_ = static_cast<unsigned>(sessions_.size());
      spdlog::warn("going on with {} readers: {}", sessions_max_, failure);
      continue;
    }
    sessions_.push_back(std::move(session));
    return sessions_.back().get();
  }
}

std::unique_ptr<LastingSession> ReaderPool::connect_further(std::string& failure) const {
  try {
    return std::make_unique<LastingSession>(connect_(nullptr), connect_, limits_, give_up_);
  } catch (const CannotConnect& error) {
    failure = error.what();
  } catch (const SqlError& error) {  // lost between the session and its settings, say
    if (!error.transient()) throw;
    failure = error.what();
  }
  return nullptr;
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

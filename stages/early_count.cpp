#include "stages/early_count.h"

#include <spdlog/spdlog.h>

namespace rebuild_projection {

void EarlyCount::begin(const EventRange& range) {
  thread_ = std::jthread([this, range](const std::stop_token& given_up) { count(range, given_up); });
}

std::optional<std::uint64_t> EarlyCount::end() {
  if (thread_.joinable()) thread_.join();
  return events_;
}

void EarlyCount::count(const EventRange& range, const std::stop_token& given_up) {
  std::stop_source either;
  const auto request = [&either] { either.request_stop(); };
  const std::stop_callback on_stop(stop_, request), on_giving_up(given_up, request);
  try {
    session_.use([&](Session& session) {
      session.cancel_on(either.get_token());
      try {
        events_ = store_.count(session, range);
      } catch (...) {
        session.cancel_on(stop_);
        throw;
      }
      session.cancel_on(stop_);
    });
  } catch (const std::exception& error) {
    spdlog::debug("counting the events beside the last batch: {}", error.what());
  }
}

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <thread>

#include "stages/postgres/lasting_session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// A count of a range's events on a thread of its own, while a processor would else be idle. Ended by the destructor.
class EarlyCount {
 public:
  /// Both outlive this. From begin() to end() nobody else uses `session`, which `stop` is to end.
  EarlyCount(LastingSession& session, const EventStore& store, std::stop_token stop)
      : session_(session), store_(store), stop_(std::move(stop)) {}

  /// From any thread; once.
  void begin(const EventRange& range);
  /// Waits for it. nullopt where it was not begun, or came to nothing: it is to be asked for again then.
  std::optional<std::uint64_t> end();

 private:
  void count(const EventRange& range, const std::stop_token& given_up);

  LastingSession& session_;
  const EventStore& store_;
  std::stop_token stop_;
  std::optional<std::uint64_t> events_;
  std::jthread thread_;
};

}  // namespace rebuild_projection

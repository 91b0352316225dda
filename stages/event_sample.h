#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/event.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// What some events of a store look like.
struct EventSample {
  struct Member {
    std::string name;
    Json::Kind kind = Json::Kind::null;  ///< of the first value that is not null
  };
  struct Type {
    std::string name;
    std::uint64_t events = 0;
    std::vector<Member> members;  ///< of the payloads' objects, in the order in which they were met
  };
  std::uint64_t events = 0;
  bool whole_store = false;  ///< no event was left out
  std::vector<Type> types;   ///< in the order in which they were met
};

/// The oldest and the newest events of the store, at most `events_max` each; where no index serves the order, as many
/// of those that the server hands out first. A payload that cannot be read counts without members.
EventSample sample_events(const EventStore& store, Session& session, const std::string& dsn, std::uint64_t events_max,
                          const std::stop_token& stop);

}  // namespace rebuild_projection

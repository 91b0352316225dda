#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/event.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// What to look for in some events.
struct SampleRequest {
  std::uint64_t events_max = 0;       ///< of the oldest and of the newest, each
  std::vector<std::string> key = {};  ///< columns that a stream id may go to
  /// Whether a value can be written to the column of this name. True where there is no such column.
  std::function<bool(const std::string& name, const Json& value)> fits;
};

/// What some events of a store look like.
struct EventSample {
  struct Member {
    std::string name;
    std::uint64_t values = 0;  ///< in how many events it is there and not null
    bool fits = true;          ///< so far as was seen
  };
  struct Type {
    std::string name;
    std::uint64_t events = 0;
    std::vector<Member> members = {};           ///< of the payloads' objects, in the order in which they were met
    std::set<std::string> without_stream = {};  ///< the key columns that a stream id was absent for, or did not fit
  };
  std::uint64_t events = 0;
  bool whole_store = false;      ///< no event was left out
  bool in_order = true;          ///< the oldest and the newest; else an index is missing, and it is any
  bool more_types = false;       ///< than are listed
  std::vector<Type> types = {};  ///< in the order in which they were met
};

/// Looks at the oldest and the newest events of the store; where no index serves the order, at as many of those that
/// the server hands out first. A payload that cannot be read counts without members.
EventSample sample_events(const EventStore& store, Session& session, const Server& server, const SampleRequest& request,
                          const std::stop_token& stop);

}  // namespace rebuild_projection

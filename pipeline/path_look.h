#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rebuild_projection {

class Event;
class Projector;

/// Finds out during a run which of a projection's paths lead somewhere. One thread at a time.
class PathLook {
 public:
  PathLook() = default;
  PathLook(const PathLook&) = delete;
  PathLook& operator=(const PathLook&) = delete;
  virtual ~PathLook() = default;

  /// Looks at an event that the projection handles and whose payload can be read. Each event comes once.
  virtual void look(const Event& event) = 0;
  /// Every path led somewhere: nothing more can be learned.
  [[nodiscard]] virtual bool done() const = 0;
  /// A sentence for each path that led nowhere in every event that reads it, of which there was one at least.
  [[nodiscard]] virtual std::vector<std::string> never_found() const = 0;
};

/// Of the paths that a projector declares, in all events that it handles. The projector outlives it.
std::unique_ptr<PathLook> look_at_declared_paths(const Projector& projector);

/// "led nowhere in all 100 events of this rule": what a look says of a path; `unit` is "event", `of` "this rule".
std::string led_nowhere(std::uint64_t number, const std::string& unit, const std::string& of);

}  // namespace rebuild_projection

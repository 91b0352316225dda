#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/fold.h"
#include "pipeline/path_look.h"

namespace rebuild_projection {

/// What would be silent otherwise: paths that lead nowhere in any event, and payloads in which no path can lead
/// anywhere. For one run, with as many replays as it has. Per projector, one thread at a time.
class PayloadWatch {
 public:
  /// The projectors outlive it.
  explicit PayloadWatch(const std::vector<const Projector*>& projectors);

  /// Looks at the page's events [begin, end), which one of the projectors is about to fold. Each event comes once.
  void look(const RunProjector& projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
            std::size_t begin, std::size_t end);

  /// After the run: a sentence each.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  /// Payloads of one kind that are no object.
  struct Strange {
    std::uint64_t events = 0;
    std::string first_event_id;
  };
  static constexpr std::array kinds{"a JSON string that holds a document (a serializer that ran twice?)",
                                    "a JSON string", "a JSON array", "null", "a JSON number or boolean"};
  struct OfProjector {
    const Projector* projector = nullptr;
    std::unique_ptr<PathLook> paths;
    std::array<Strange, kinds.size()> strange;
  };
  static std::size_t kind_of(std::string_view payload);
  static void look_at_strange(OfProjector& of, const Page& page, std::size_t index, const Event& event);

  std::vector<OfProjector> of_;
};

}  // namespace rebuild_projection

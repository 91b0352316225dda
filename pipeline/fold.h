#pragma once

#include <string>

#include "pipeline/options.h"
#include "pipeline/page.h"
#include "pipeline/projector.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// One projector of a run, by its place among the run's projectors: that place is where the parser puts its values.
struct RunProjector {
  const Projector* projector = nullptr;
  std::size_t index = 0;
  std::size_t first_stretch = 0;  ///< events of earlier stretches are in its rows already
};

/// What the projector sees of a page's event, which it handles and whose payload could be read.
Event event_of(const RunProjector& projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
               std::size_t index);

/// Adds what one projector makes of the page's events [begin, end), in order, to `changes`. An event that fails is left
/// out and becomes a dead letter (OnError::skip), or ends the fold with a failure (OnError::stop). With `dry`, handle()
/// is not called: events are only counted, and unreadable payloads found.
Folded fold(RunProjector projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
            std::size_t begin, std::size_t end, OnError on_error, bool dry, ChangeSet& changes);

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

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

/// Folds the page's events [begin, end) once more, each alone: `visit` gets the index of an event in the page, and its
/// changes, if it changes a row to whose key `wanted` says yes. Events that fail are left out, as fold() skips them.
/// False where `visit` returned it, which ends the fold.
bool fold_each(RunProjector projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
               std::size_t begin, std::size_t end, const std::function<bool(std::string_view key)>& wanted,
               const std::function<bool(std::size_t index, const ChangeSet& changes)>& visit);

}  // namespace rebuild_projection

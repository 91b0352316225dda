#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/progress.h"
#include "pipeline/report.h"
#include "pipeline/stages.h"
#include "stages/read/event_store.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

/// Which events are replayed, and how they are read.
struct Replay {
  enum class Reading : std::uint8_t {
    nothing,       ///< not at all, whether there are events or not
    page_by_page,  ///< each page in a snapshot of its own
    at_once,       ///< all of them in one snapshot, without an index
  };
  Reading how = Reading::page_by_page;
  EventRange range = {};
  std::string snapshot = {};  ///< see StoreReader::Settings
  std::vector<Position> stretch_ends = {};
  std::vector<std::size_t> first_stretches = {};  ///< see run_pipeline()
  std::function<void()> at_last = {};             ///< called before the last batch is committed, by some thread
  PayloadWatch* watch = nullptr;                  ///< see Stages
};

/// Drives these events through read, parse and apply into `sink`, which is null in DRY_RUN, and says what happened.
/// `options` have the machine's defaults. Blocks, and throws what run_pipeline() throws.
Report replay_events(const Options& options, const EventStore& store, const std::vector<const Projector*>& projectors,
                     const Replay& events, BatchSink* sink, Progress& progress, const std::stop_token& stop);

}  // namespace rebuild_projection

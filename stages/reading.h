#pragma once

#include <stop_token>
#include <vector>

#include "pipeline/projector.h"
#include "stages/read/store_reader.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

/// How the events of a store are read for these projectors: what is asked of payloads, how large pages are, and what
/// else the options, which have the machine's defaults, say. `indexed`: an index serves the order.
StoreReader::Settings reader_settings(const Options& options, const EventStore& store,
                                      const std::vector<const Projector*>& projectors, bool indexed,
                                      const std::stop_token& stop);

}  // namespace rebuild_projection

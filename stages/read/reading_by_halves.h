#pragma once

#include <cstddef>
#include <string>

#include "pipeline/page.h"
#include "stages/postgres/session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// How events are read on some of which the store's own SQL fails: a cast in its `from`, a value that is damaged.
struct HalvesSettings {
  const PayloadSelection& payloads;
  const std::string& snapshot;  ///< StoreReader::Settings
  std::size_t events_max;       ///< of a page; at least 1
  std::size_t bytes_max;        ///< it is closed once it has more
  bool stops_at_first;          ///< it is closed after the first event that cannot be read
  bool show_values;             ///< Page::Unread::why has the server's words, which may quote a value
};

struct PageOfHalves {
  Page page;
  bool more = false;  ///< the range may have events after the page's
};

/// Reads the first events of a range, after a COPY of them failed (SqlError::blames_row_read): by halves, until each
/// event on which the SQL fails stands alone. What of that can be read is in the page, and Page::unread says why the
/// rest is not. Throws as Session::execute(), and RunError that names the position of an event of which nothing can be
/// read at all.
PageOfHalves read_by_halves(Session& session, const EventStore& store, const EventRange& range,
                            const HalvesSettings& settings);

}  // namespace rebuild_projection

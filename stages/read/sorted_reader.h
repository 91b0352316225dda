#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "pipeline/limits.h"
#include "stages/postgres/copy_out.h"
#include "stages/read/page_builder.h"
#include "stages/read/store_reader.h"

namespace rebuild_projection {

/// Without an index every COPY sorts the range, so one COPY brings a whole stretch, page after page, in one snapshot.
/// Pages are read as they are found.
class SortedReader final : public StoreReader {
 public:
  SortedReader(const EventStore& store, EventRange range, Settings given);

  std::optional<UnreadPage> next(std::size_t events_max) override;
  [[nodiscard]] std::uint64_t retries() const override { return session_.retries(); }
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  /// A page of the stretch's events, perhaps empty; `more` says whether there may be others.
  Page read(Session& session, std::size_t events_max, bool& more);
  /// Takes rows until the page is full; says whether there may be more in this stretch.
  bool fill(Session& session, PageBuilder& page, std::size_t events_max);
  /// What is left of the stretch.
  [[nodiscard]] EventRange rest() const;

  LastingSession session_;
  std::optional<CopyOut> rows_;    ///< declared after the session, so that it ends first
  std::optional<Position> after_;  ///< what was read ends here
  std::size_t stretch_ = 0;
  std::size_t page_events_ = limits::page_events_first, page_bytes_ = 0;  ///< of the last page
  std::uint64_t bytes_ = 0;
  bool by_halves_ = false;  ///< since the store's own SQL fails on some event
  bool at_end_ = false;
};

}  // namespace rebuild_projection

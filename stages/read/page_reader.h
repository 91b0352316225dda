#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "pipeline/limits.h"
#include "stages/read/page_builder.h"
#include "stages/read/reader_pool.h"
#include "stages/read/scout.h"
#include "stages/read/store_reader.h"

namespace rebuild_projection {

/// A scout finds where each page ends, and whoever is free reads it with one COPY of its own, whose snapshot lives no
/// longer than that. What came between since it was found belongs to the page; what is gone does not.
class PageReader final : public StoreReader {
 public:
  PageReader(const EventStore& store, EventRange range, Settings given);

  std::optional<UnreadPage> next(std::size_t events_max) override;
  void pause() override { scout_.pause(); }
  [[nodiscard]] std::uint64_t retries() const override { return scout_.retries() + sessions_.retries(); }
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  [[nodiscard]] std::size_t page_bytes_max() const { return limits::page_bytes_factor_max * settings().page_bytes; }
  [[nodiscard]] Page read(const Bounds& bounds);
  [[nodiscard]] Page read_at_once(Session& session, const Bounds& bounds);
  /// `page` is that of these bounds, as far as it goes.
  [[nodiscard]] Page within(const Bounds& bounds, Page&& page, bool cut);

  Scout scout_;
  ReaderPool sessions_;
  std::atomic<std::size_t> event_bytes_{0};  ///< of the last page's events, on average
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace rebuild_projection

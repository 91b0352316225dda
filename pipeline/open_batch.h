#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/fold.h"
#include "pipeline/graph.h"
#include "pipeline/memory_shares.h"
#include "pipeline/options.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// How often each event type occurred.
class EventTypes {
 public:
  void add(const Page& page, std::size_t begin, std::size_t end);
  void add_to(std::map<std::string, std::uint64_t>& totals) const;
  void clear() { counts_.clear(); }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::vector<std::uint64_t> of_page_;
};

/// The batch that is being put together from pages, in order. Its memory grows with its change sets: pages are kept
/// only up to a bound (memory_shares.h), and read again in the rare case that a refused batch needs them. Not
/// thread-safe.
class OpenBatch {
 public:
  OpenBatch(std::vector<RunProjector> projectors, const Stages& stages, const RunOptions& options);

  /// Adds a piece of a page that no stage failed on.
  void add(const PagePtr& page, std::size_t piece);
  /// Completes the last batch of a run, which no page ends, with what a projector made of it.
  void complete(std::size_t projection, ChangeSet&& changes);
  [[nodiscard]] bool empty() const { return batch_.events == 0; }
  [[nodiscard]] std::uint64_t events() const { return batch_.events; }
  /// The batch as the sink gets it. It refers to this.
  [[nodiscard]] const Batch& batch() const { return batch_; }
  /// Event types of the batch's events, how often.
  [[nodiscard]] const EventTypes& types() const { return types_; }
  /// Begins the next one, after this one's last event.
  void restart();
  /// Forgets this one, and begins again after the same event.
  void drop();

 private:
  using VisitPiece = std::function<bool(const Page&, const ParsedPage&, std::size_t begin, std::size_t end)>;
  /// Calls `visit` for the pieces of the batch's events, in order, until it returns false.
  void for_pieces(const VisitPiece& visit) const;
  void for_changes(const Batch::WantedRows& wanted, const Batch::Visit& visit) const;
  void clear();

  std::vector<RunProjector> projectors_;
  Stages stages_;
  RunOptions options_;
  MemoryShares shares_;
  Batch batch_;
  EventTypes types_;
  std::optional<Position> after_;  ///< the last event before the batch
  struct Kept {
    PagePtr page;
    std::size_t begin, end;
  };
  std::vector<Kept> kept_;
  std::size_t kept_bytes_ = 0;
  bool all_kept_ = true;
};

}  // namespace rebuild_projection

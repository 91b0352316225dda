#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "pipeline/page.h"

namespace rebuild_projection {

/// Events of a page that belong to one batch.
struct Piece {
  std::size_t begin = 0;  ///< [begin, end) of the page's events
  std::size_t end = 0;
  bool ends_batch = false;
};

/// A page with what the stages added to it. One stage holds it at a time, except that the apply stages of different
/// projectors share it, each writing its own entry of `folded`.
struct PageInFlight {
  PageInFlight() = default;
  PageInFlight(const PageInFlight&) = delete;
  PageInFlight& operator=(const PageInFlight&) = delete;
  ~PageInFlight();

  /// Its place in the order of events: pages are numbered densely from 0 as they are found; what a page left over
  /// follows it as its next part.
  struct Place {
    std::uint64_t number = 0;
    std::uint64_t part = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  Place place;
  std::function<Page()> read;  ///< until it is read
  Page page;
  std::optional<Failure> failure;  ///< it could not be read, or parsed
  ParsedPage parsed;
  std::vector<Piece> pieces;                ///< all its events, by batch
  std::vector<std::vector<Folded>> folded;  ///< by projector, then by piece up to the first that failed
  std::atomic<std::size_t> folds_missing{0};
  std::size_t ordered = 0;  ///< dense from 0, in the order of places
};
using PagePtr = std::shared_ptr<PageInFlight>;

/// The bodies of the stages. None may throw: a failure is a value in the page.
struct GraphBodies {
  /// One call at a time: the next page, yet to be read; null at the end. `left_over` is a page that is done and has a
  /// Page::rest, which then is the next page; else null.
  std::function<PagePtr(const PagePtr& left_over)> find;
  std::function<void(PageInFlight&)> read;                ///< several pages at once
  std::function<void(PageInFlight&)> parse;               ///< several pages at once
  std::function<void(PageInFlight&)> cut;                 ///< one call at a time, in the order of places
  std::function<void(PageInFlight&, std::size_t)> apply;  ///< per projector one call at a time, in that order
  std::function<void(const PagePtr&)> commit;             ///< one call at a time, in that order
};

struct GraphShape {
  unsigned tokens = 1;   ///< pages between find and commit at the most
  unsigned readers = 1;  ///< pages in the read stage at once
  unsigned workers = 1;  ///< pages in the parse stage at once
  std::size_t projectors = 1;
};

/// Lets pages flow until `find` returned null and every page before was committed. Blocks.
///
///   token ─► find ─► read ─► parse ─► in order, cut ─┬► apply 0 ─┬► all done, in order ─► commit ─► token
///                                                    └► apply n ─┘
void run_graph(const GraphShape& shape, const GraphBodies& bodies);

}  // namespace rebuild_projection

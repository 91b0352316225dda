#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/page.h"

namespace rebuild_projection {

/// A page with what the stages added to it. One stage holds it at a time, except that the apply stages of different
/// projectors share it, each writing its own entry of `folded`.
struct PageInFlight {
  PageInFlight() = default;
  PageInFlight(const PageInFlight&) = delete;
  PageInFlight& operator=(const PageInFlight&) = delete;
  ~PageInFlight();

  Page page;
  ParsedPage parsed;
  std::vector<std::pair<std::string_view, std::uint64_t>> types;  ///< event type, how often
  std::vector<std::unique_ptr<Folded>> folded;                    ///< one per projector
  std::atomic<std::size_t> folds_missing{0};
};
using PagePtr = std::shared_ptr<PageInFlight>;

/// The bodies of the stages. None may throw: a failure is a value in the page.
struct GraphBodies {
  std::function<PagePtr()> read;                          ///< one call at a time; null at the end
  std::function<void(PageInFlight&)> parse;               ///< several pages at once
  std::function<void(PageInFlight&, std::size_t)> apply;  ///< several pages and projectors at once
  std::function<void(const PagePtr&)> commit;             ///< one call at a time, by page number
};

struct GraphShape {
  unsigned tokens = 1;   ///< pages between read and commit at the most
  unsigned workers = 1;  ///< pages in one parse or apply stage at once
  std::size_t projectors = 0;
};

/// Lets pages flow until `read` returned null and every page before was committed. Blocks.
///
///   token ─► read ─► parse ─┬► apply 0 ─┬► (all projectors done?) ─► by number ─► commit ─► token
///                           └► apply n ─┘
void run_graph(const GraphShape& shape, const GraphBodies& bodies);

}  // namespace rebuild_projection

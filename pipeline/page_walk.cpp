#include "pipeline/page_walk.h"

#include <atomic>
#include <exception>
#include <memory>
#include <utility>

#include "pipeline/graph.h"
#include "pipeline/limits.h"

namespace rebuild_projection {

namespace {

/// The bodies of the graph's stages. Nobody folds: apply has nothing to do.
class PageWalk {
 public:
  using Visit = std::function<bool(const Page&, const ParsedPage&)>;
  PageWalk(PageSource& source, const PayloadParser& parser, const Visit& visit)
      : source_(source), parser_(parser), visit_(visit) {}

  void go(const RunOptions& options) {
    run_graph({.tokens = options.readers + options.workers + 2,
               .readers = options.readers,
               .workers = options.workers,
               .projectors = 1},
              {.find = [this](const PagePtr& left_over) { return find(left_over); },
               .read = [this](PageInFlight& flight) { read(flight); },
               .parse = [this](PageInFlight& flight) { parse(flight); },
               .cut = [](PageInFlight&) {},
               .apply = [](PageInFlight&, std::size_t) {},
               .commit = [this](const PagePtr& flight) { visit(*flight); }});
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  PagePtr find(const PagePtr& left_over) {
    if (over_) return nullptr;
    auto flight = std::make_shared<PageInFlight>();
    if (left_over) {
      flight->place = {left_over->place.number, left_over->place.part + 1};
      flight->read = std::move(left_over->page.rest);
      return flight;
    }
    if (found_all_) return nullptr;
    try {
      auto found = source_.next(limits::page_events_max);
      found_all_ = !found;
      if (found_all_) return nullptr;
      flight->read = std::move(found->read);
    } catch (...) {
      found_all_ = true;
      fail(*flight);
    }
    flight->place.number = pages_++;
    return flight;
  }

  void read(PageInFlight& flight) {
    if (over_ || flight.failure) return;
    try {
      flight.page = std::exchange(flight.read, nullptr)();
    } catch (...) {
      fail(flight);
    }
  }

  void parse(PageInFlight& flight) {
    if (over_ || flight.failure) return;
    try {
      flight.parsed = parser_.parse(flight.page);
    } catch (...) {
      fail(flight);
    }
  }

  void visit(const PageInFlight& flight) {
    if (over_) return;
    try {
      if (flight.failure) std::rethrow_exception(flight.failure->cause);
      over_ = !visit_(flight.page, flight.parsed);
    } catch (...) {
      failure_ = std::current_exception();
      over_ = true;
    }
  }

  static void fail(PageInFlight& flight) { flight.failure = Failure{std::current_exception(), "", std::nullopt}; }

  PageSource& source_;
  const PayloadParser& parser_;
  const Visit& visit_;
  std::atomic<bool> over_{false};  // nothing more is visited
  std::uint64_t pages_ = 0;        // of the find stage, as the next
  bool found_all_ = false;
  std::exception_ptr failure_;  // of the visiting stage
};

}  // namespace

void walk_pages(PageSource& source, const PayloadParser& parser, const RunOptions& options,
                const std::function<bool(const Page&, const ParsedPage&)>& visit) {
  PageWalk(source, parser, visit).go(options);
}

}  // namespace rebuild_projection

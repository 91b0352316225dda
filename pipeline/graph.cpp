#include "pipeline/graph.h"

#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <chrono>
#include <exception>
#include <latch>
#include <map>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "pipeline/error.h"

#if defined(REBUILD_PROJECTION_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

namespace rebuild_projection {

namespace {

namespace flow = tbb::flow;

// oneTBB's library is not built with ThreadSanitizer, which so cannot see that a message that one thread put into a
// node's queue is another thread's when it comes out, and takes what the two did to it for a race. For a build with it
// this file, which holds all of oneTBB's templates, is compiled without, and says instead: what was done before give(x)
// is seen after take(x). Nothing else is ordered by that, so a race between two bodies is found.
#if defined(REBUILD_PROJECTION_THREAD_SANITIZER)
void give(const void* what) {
  __tsan_release(const_cast<void*>(what));
}
void take(const void* what) {
  __tsan_acquire(const_cast<void*>(what));
}
#else
void give(const void*) {}
void take(const void*) {}
#endif

/// While a body runs.
class HandedOver {
 public:
  HandedOver(const void* before, const void* after) : after_(after) { take(before); }
  HandedOver(const HandedOver&) = delete;
  HandedOver& operator=(const HandedOver&) = delete;
  ~HandedOver() { give(after_); }

 private:
  const void* after_;
};

/// The right to have one page in flight.
struct Token {
  PagePtr left_over;  ///< it must go on with what this page left
};

/// The pages in the order of their places, however they overtook each other before. Serial.
class Order {
 public:
  /// Calls `pass` for every page whose turn it is, now that `page` is here.
  template <typename Pass>
  void arrived(PagePtr page, Pass&& pass) {
    waiting_.emplace(page->place, std::move(page));
    for (auto at = waiting_.find(next_); at != waiting_.end(); at = waiting_.find(next_)) {
      const PagePtr first = std::move(at->second);
      waiting_.erase(at);
      next_ = first->page.rest ? PageInFlight::Place{next_.number, next_.part + 1}
                               : PageInFlight::Place{next_.number + 1, 0};
      first->ordered = passed_++;
      pass(first);
    }
  }

 private:
  std::map<PageInFlight::Place, PagePtr> waiting_;
  PageInFlight::Place next_;
  std::size_t passed_ = 0;
};

using Source = flow::multifunction_node<Token, std::tuple<PagePtr>>;
using ToPages = flow::multifunction_node<PagePtr, std::tuple<PagePtr>>;

/// Ends what is still at work in the nodes, before they go: where threads or memory are short, putting in a token or
/// the wait itself may fail while others run. Waiting again after a body failed costs nothing.
void finish(flow::graph& graph) noexcept {
  constexpr int tries_max = 1'000;
  for (int tries = 0; tries < tries_max; ++tries) {
    try {
      graph.cancel();
      graph.wait_for_all();
      return;
    } catch (...) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::terminate();
}

/// Throws where memory or threads are too short for a graph. oneTBB does not come through it where they end while one
/// runs: it loses count of what is at work, or waits for itself (seen of 2021.8 and 2022.1 under `ulimit -v`).
void refuse_if_short(int threads) {
  constexpr std::size_t arena_bytes = 16U << 20U;
  ::operator delete(::operator new(arena_bytes));
  std::latch all(threads + 1);
  std::vector<std::jthread> started;
  const auto let_go = [&] { all.count_down(threads - static_cast<int>(started.size()) + 1); };
  try {
    for (int thread = 0; thread < threads; ++thread) started.emplace_back([&all] { all.arrive_and_wait(); });
  } catch (const std::system_error& error) {
    let_go();
    throw RunError("the " + std::to_string(threads) + " threads of the pipeline cannot be started: " + error.what() +
                   "; raise the limits on threads and memory (ulimit -u, -v), or lower --workers and --readers");
  } catch (...) {
    let_go();
    throw;
  }
  all.arrive_and_wait();
}

void wire_and_run(const GraphShape& shape, const GraphBodies& bodies) {
  flow::graph graph;
  const char start = 0, end = 0, finds = 0, cuts = 0, commits = 0;  // what give() and take() name

  Source find(graph, flow::serial, [&](const Token& token, Source::output_ports_type& out) {
    const HandedOver run(&start, &end), serial(&finds, &finds);
    PagePtr page = bodies.find(token.left_over);
    if (!page) return;  // the token ends here
    give(page.get());
    std::get<0>(out).try_put(page);
  });
  flow::function_node<PagePtr, PagePtr> read(graph, shape.readers, [&](PagePtr page) {
    const HandedOver run(&start, &end), message(page.get(), page.get());
    bodies.read(*page);
    return page;
  });
  flow::function_node<PagePtr, PagePtr> parse(graph, shape.workers, [&](PagePtr page) {
    const HandedOver run(&start, &end), message(page.get(), page.get());
    bodies.parse(*page);
    page->folds_missing = shape.projectors;
    return page;
  });
  Order order;
  ToPages cut(graph, flow::serial, [&](const PagePtr& page, ToPages::output_ports_type& out) {
    const HandedOver run(&start, &end), serial(&cuts, &cuts);
    take(page.get());
    order.arrived(page, [&](const PagePtr& first) {
      bodies.cut(*first);
      give(first.get());
      std::get<0>(out).try_put(first);  // from a serial body: every successor gets pages in this order
    });
  });
  // join_node has as many ports as it was compiled with; a count in the page gathers any number of projectors.
  std::vector<std::unique_ptr<ToPages>> apply;
  std::vector<char> folds(shape.projectors);
  for (std::size_t projector = 0; projector < shape.projectors; ++projector)
    apply.push_back(std::make_unique<ToPages>(
        graph, flow::serial, [&, projector](const PagePtr& page, ToPages::output_ports_type& out) {
          const HandedOver run(&start, &end), serial(&folds[projector], &folds[projector]);
          take(page.get());
          bodies.apply(*page, projector);
          give(page.get());
          if (--page->folds_missing == 0) std::get<0>(out).try_put(page);
        }));
  flow::sequencer_node<PagePtr> in_order(graph, [](const PagePtr& page) {
    take(page.get());
    return page->ordered;
  });
  flow::function_node<PagePtr, Token> commit(graph, flow::serial, [&](const PagePtr& page) {
    const HandedOver run(&start, &end), serial(&commits, &commits), message(page.get(), page.get());
    bodies.commit(page);
    return Token{page->page.rest ? page : nullptr};
  });

  flow::make_edge(flow::output_port<0>(find), read);
  flow::make_edge(read, parse);
  flow::make_edge(parse, cut);
  for (auto& node : apply) {
    flow::make_edge(flow::output_port<0>(cut), *node);
    flow::make_edge(flow::output_port<0>(*node), in_order);
  }
  flow::make_edge(in_order, commit);
  flow::make_edge(commit, find);

  give(&start);
  try {
    for (unsigned token = 0; token < shape.tokens; ++token) find.try_put(Token{});
    graph.wait_for_all();
  } catch (...) {
    finish(graph);
    throw;
  }
  take(&end);
}

}  // namespace

PageInFlight::~PageInFlight() {
  take(this);  // whoever drops the last reference
}

void run_graph(const GraphShape& shape, const GraphBodies& bodies) {
  // Find, read and commit wait for the server while they hold a thread: they get theirs on top of the workers.
  const int threads = static_cast<int>(shape.workers + shape.readers) + 2;
  refuse_if_short(threads);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] { wire_and_run(shape, bodies); });
}

}  // namespace rebuild_projection

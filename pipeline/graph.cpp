#include "pipeline/graph.h"

#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

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
struct Token {};

using Source = flow::multifunction_node<Token, std::tuple<PagePtr>>;
using Apply = flow::multifunction_node<PagePtr, std::tuple<PagePtr>>;

void wire_and_run(const GraphShape& shape, const GraphBodies& bodies) {
  flow::graph graph;
  const char start = 0, end = 0, reads = 0, commits = 0;  // what give() and take() name

  Source read(graph, flow::serial, [&](Token, Source::output_ports_type& out) {
    const HandedOver run(&start, &end), serial(&reads, &reads);
    PagePtr page = bodies.read();
    if (!page) return;  // the token ends here
    give(page.get());
    std::get<0>(out).try_put(page);
  });
  flow::function_node<PagePtr, PagePtr> parse(graph, shape.workers, [&](PagePtr page) {
    const HandedOver run(&start, &end), message(page.get(), page.get());
    bodies.parse(*page);
    page->folds_missing = shape.projectors;
    return page;
  });
  // join_node has as many ports as it was compiled with; a count in the page gathers any number of projectors.
  std::vector<std::unique_ptr<Apply>> apply;
  for (std::size_t projector = 0; projector < shape.projectors; ++projector)
    apply.push_back(std::make_unique<Apply>(graph, shape.workers,
                                            [&, projector](const PagePtr& page, Apply::output_ports_type& out) {
                                              const HandedOver run(&start, &end);
                                              take(page.get());
                                              bodies.apply(*page, projector);
                                              give(page.get());
                                              if (--page->folds_missing == 0) std::get<0>(out).try_put(page);
                                            }));
  flow::sequencer_node<PagePtr> by_number(graph, [](const PagePtr& page) {
    take(page.get());
    return std::size_t{page->page.number};
  });
  flow::function_node<PagePtr, Token> commit(graph, flow::serial, [&](const PagePtr& page) {
    const HandedOver run(&start, &end), serial(&commits, &commits), message(page.get(), page.get());
    bodies.commit(page);
    return Token{};
  });

  flow::make_edge(flow::output_port<0>(read), parse);
  if (apply.empty()) flow::make_edge(parse, by_number);
  for (auto& node : apply) {
    flow::make_edge(parse, *node);
    flow::make_edge(flow::output_port<0>(*node), by_number);
  }
  flow::make_edge(by_number, commit);
  flow::make_edge(commit, read);

  give(&start);
  for (unsigned token = 0; token < shape.tokens; ++token) read.try_put(Token{});
  graph.wait_for_all();
  take(&end);
}

}  // namespace

PageInFlight::~PageInFlight() {
  take(this);  // whoever drops the last reference
}

void run_graph(const GraphShape& shape, const GraphBodies& bodies) {
  // Read and commit wait for the server while they hold a thread: they get one each on top of the workers.
  const int threads = static_cast<int>(shape.workers) + 2;
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] { wire_and_run(shape, bodies); });
}

}  // namespace rebuild_projection

#include "pipeline/graph.h"

#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

namespace rebuild_projection {

namespace {

namespace flow = tbb::flow;

/// The right to have one page in flight.
struct Token {};

using Source = flow::multifunction_node<Token, std::tuple<PagePtr>>;
using Apply = flow::multifunction_node<PagePtr, std::tuple<PagePtr>>;

void wire_and_run(const GraphShape& shape, const GraphBodies& bodies) {
  flow::graph graph;

  Source read(graph, flow::serial, [&](Token, Source::output_ports_type& out) {
    if (PagePtr page = bodies.read()) std::get<0>(out).try_put(page);  // else the token ends here
  });
  flow::function_node<PagePtr, PagePtr> parse(graph, shape.workers, [&](PagePtr page) {
    bodies.parse(*page);
    page->folds_missing = shape.projectors;
    return page;
  });
  // join_node has as many ports as it was compiled with; a count in the page gathers any number of projectors.
  std::vector<std::unique_ptr<Apply>> apply;
  for (std::size_t projector = 0; projector < shape.projectors; ++projector)
    apply.push_back(std::make_unique<Apply>(graph, shape.workers,
                                            [&, projector](const PagePtr& page, Apply::output_ports_type& out) {
                                              bodies.apply(*page, projector);
                                              if (--page->folds_missing == 0) std::get<0>(out).try_put(page);
                                            }));
  flow::sequencer_node<PagePtr> by_number(graph, [](const PagePtr& page) { return std::size_t{page->page.number}; });
  flow::function_node<PagePtr, Token> commit(graph, flow::serial, [&](const PagePtr& page) {
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

  for (unsigned token = 0; token < shape.tokens; ++token) read.try_put(Token{});
  graph.wait_for_all();
}

}  // namespace

void run_graph(const GraphShape& shape, const GraphBodies& bodies) {
  // Read and commit wait for the server while they hold a thread: they get one each on top of the workers.
  const int threads = static_cast<int>(shape.workers) + 2;
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] { wire_and_run(shape, bodies); });
}

}  // namespace rebuild_projection

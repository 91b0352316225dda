// Read alone: one connection's pages of a store of 100,000 events in the server that libpq's environment names, whole
// payloads against the members that a projection reads.

#include <benchmark/benchmark.h>

#include "bench/candidates.h"
#include "bench/server.h"
#include "stages/read/store_reader.h"

namespace rebuild_projection {
namespace {

constexpr int events = 100'000;

struct Store {
  Store() {
    database.create_event_store();
    database.execute(
        "INSERT INTO event_store SELECT gen_random_uuid(), timestamptz '2025-01-01Z' + n * interval '1 ms',"
        " 'candidate.created', gen_random_uuid()::text, jsonb_build_object('full_name', 'Candidate ' || n, 'email',"
        " n || '@example.org', 'source', 'referral', 'note', repeat('n', 60), 'score', 12.5, 'by',"
        " jsonb_build_object('name', 'Recruiter', 'user_id', gen_random_uuid())) FROM generate_series(1, " +
        std::to_string(events) + ") n; ANALYZE event_store");
    session = std::make_unique<Session>(database.dsn(), "read", Session::Access::read_only);
    store = std::make_unique<EventStore>(
        read_store_text("store.toml",
                        "from = \"event_store\"\norder = [\"ts\", \"event_id\"]\nevent_id = \"event_id\"\nts = \"ts\"\n"
                        "type = \"event_type\"\nstream_id = \"aggregate_id\"\npayload = \"payload\"\n"),
        *session);
  }
  test::Database database;
  std::unique_ptr<Session> session;
  std::unique_ptr<EventStore> store;
};

void read(benchmark::State& state) {
  if (!bench::has_server(state)) return;
  using Documents = PayloadSelection::Documents;
  static const Store one;  // made once for all repetitions
  const auto projector = bench::candidate_summary();
  const PayloadSelection payloads({projector.get()}, state.range(0) != 0 ? Documents::slim : Documents::read);
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    const auto reader = make_reader(*one.store, {}, {.server = one.database.dsn(), .payloads = payloads});
    PageSequence pages(*reader);
    while (const auto page = pages.next(limits::page_events_max)) benchmark::DoNotOptimize(page->events.data());
    bytes += reader->bytes();
  }
  state.SetItemsProcessed(state.iterations() * events);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(read)->ArgName("slim")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace rebuild_projection

// Commit alone: the rows of a change set written in one transaction, into the server that libpq's environment names. By
// what is known of the rows: new ones go by COPY (way 0), known ones by UPDATE (1), others by MERGE (2).

#include <benchmark/benchmark.h>

#include "bench/candidates.h"
#include "bench/server.h"
#include "pipeline/changes.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {
namespace {

enum Way : std::int64_t { copied, updated, merged };

void commit(benchmark::State& state) {
  if (!bench::has_server(state)) return;
  const auto rows = static_cast<std::uint64_t>(state.range(1));
  static test::Database database;
  Session session(database.dsn(), "commit", Session::Access::read_write);
  session.execute(
      "DROP TABLE IF EXISTS public.candidate_summary; CREATE TABLE public.candidate_summary (candidate_id uuid PRIMARY "
      "KEY, full_name"
      " text, email text, source text, stage text, score numeric, notes bigint NOT NULL DEFAULT 0, contacts bigint NOT"
      " NULL DEFAULT 0, stage_changes bigint NOT NULL DEFAULT 0, created_at timestamptz, last_activity_at "
      "timestamptz)");
  const CatalogueTable table = *read_table(session, "public.candidate_summary");
  const auto projector = bench::candidate_summary(table);
  TableWriter writer(projector->table(), table, std::size_t{48} << 20, std::size_t{64} << 20);
  writer.prepare(session, "commit");
  ChangeSet set(projector->table());
  Changes changes(projector->table());
  for (std::uint64_t row = 0; row < rows; ++row) {
    changes.upsert({bench::uuid_of(row)}).set("full_name", "Candidate").set("stage", "interview").add("notes", 1);
    changes.move_into(set);
  }
  const auto write = [&](TableWriter::Trust trust) {
    benchmark::DoNotOptimize(writer.write(session, set, trust));
    session.execute("COMMIT");
    writer.commit();
  };
  const auto clear = [&] {
    session.execute("BEGIN");
    writer.clear(session, true);
  };
  clear();
  write(TableWriter::Trust::what_is_known);
  for (auto _ : state) {
    if (state.range(0) == copied) {
      state.PauseTiming();
      clear();
      state.ResumeTiming();
    } else {
      session.execute("BEGIN");
    }
    write(state.range(0) == merged ? TableWriter::Trust::nothing : TableWriter::Trust::what_is_known);
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(commit)
    ->ArgNames({"way", "rows"})
    ->ArgsProduct({{copied, updated, merged}, {200, 10'000}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace rebuild_projection

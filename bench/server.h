#pragma once

#include <benchmark/benchmark.h>

#include <cstdlib>

#include "tests/support/database.h"

namespace rebuild_projection::bench {

/// Whether there is a PostgreSQL to measure with; where not, the benchmark is left out, and says so.
inline bool has_server(benchmark::State& state) {
  if (std::getenv("PGHOST") != nullptr) return true;
  state.SkipWithError("needs a server: tools/private_postgres run build/benchmarks");
  return false;
}

}  // namespace rebuild_projection::bench

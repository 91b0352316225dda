#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace rebuild_projection::test {

/// A random projection: its file without the name, its table, and a PL/pgSQL block that makes the same rows one event
/// at a time, in plain statements that know nothing of changes, batches or merging.
struct RandomProjection {
  std::string toml;
  std::string columns;  ///< of the tables "target" and "oracle", as CREATE TABLE takes them
  /// Fills "oracle" from event_store, and "refused" (event_id uuid) with the events that lack a key.
  std::string oracle;
};
RandomProjection random_projection(std::uint64_t seed);

/// INSERT statements of `count` random events of types t0 to t5, for such a projection, many of them at one instant.
std::string random_events(std::uint64_t seed, std::size_t count);

}  // namespace rebuild_projection::test

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stages/preparation.h"

namespace rebuild_projection {

/// How a run begins with one of its projections.
struct Beginning {
  Checkpoints::Begin how = Checkpoints::Begin::over;
  bool clears = false;                        ///< its rows go with the first batch
  std::optional<Position> after;              ///< its checkpoint; nullopt: the beginning of the range
  std::uint64_t events = 0;                   ///< read up to there, by earlier runs
  std::size_t first_stretch = 0;              ///< of those that Beginnings::stretch_ends makes
  std::optional<std::uint64_t> touched_rows;  ///< --scope touched: so many are rebuilt, the others stay
};

struct Beginnings {
  std::vector<Beginning> of;           ///< in the order of the run's projections
  std::optional<Position> after;       ///< where reading begins
  std::string late_events;             ///< why earlier runs could not promise that no event would come late
  std::vector<Position> stretch_ends;  ///< where, after that, further projections take part
};

/// Where the options say that the projections begin: with --resume after their checkpoints, those that have none from
/// the store's beginning. Throws UsageError with every reason why one cannot go on there, or cannot be replayed without
/// clearing.
Beginnings find_beginnings(const Preparation& prepared);

}  // namespace rebuild_projection

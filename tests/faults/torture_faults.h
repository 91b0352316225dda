#pragma once

#include <string>

#include "tests/support/own_server.h"

namespace rebuild_projection::test {

/// What a cycle was and what came of it.
struct CycleResult {
  std::string description;  ///< fault, options, exit code
  std::string fault;
  bool took_place = false;  ///< the fault did, before the run had ended
  int exit_code = -1;
  double end_seconds = 0;  ///< from the signal, where there was one, to the end
  std::string wrong;       ///< the invariants that do not hold; "" if all do
  std::string log;         ///< the program's, where something is wrong
};

/// One rebuild of a store of its own with a fault in it, what it leaves behind, and how it is finished: all as `seed`
/// and `number` draw it; `fault` is the name of the only one, or empty. Throws std::invalid_argument where there is
/// none of that name.
CycleResult run_cycle(const OwnServer& server, unsigned seed, unsigned number, const std::string& fault);

}  // namespace rebuild_projection::test

// Random faults against random rebuilds: torture [--minutes N | --cycles N] [--seed S] [--fault NAME] [--cycle K]. A
// cycle is made by seed, fault and number alone, so that one can be run again.
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/faults/torture_faults.h"
#include "tests/support/own_server.h"

namespace rebuild_projection::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  double minutes = 0;
  unsigned cycles = 0;  ///< 0: as many as there is time for
  unsigned seed = std::random_device()() % 1'000'000;
  std::string fault;  ///< the only one; empty: any
  std::optional<unsigned> cycle;
};

Arguments read(int argc, char** argv) {
  Arguments result;
  for (int at = 1; at + 1 < argc; at += 2) {
    const std::string name = argv[at];
    const std::string value = argv[at + 1];
    if (name == "--minutes")
      result.minutes = std::stod(value);
    else if (name == "--cycles")
      result.cycles = static_cast<unsigned>(std::stoul(value));
    else if (name == "--seed")
      result.seed = static_cast<unsigned>(std::stoul(value));
    else if (name == "--fault")
      result.fault = value;
    else if (name == "--cycle")
      result.cycle = static_cast<unsigned>(std::stoul(value));
    else
      throw std::invalid_argument("torture: there is no option " + name);
  }
  if (argc % 2 == 0) throw std::invalid_argument("torture: an option has no value");
  if (result.minutes == 0 && result.cycles == 0) result.cycles = result.cycle ? 1 : 20;
  return result;
}

/// What all cycles came to.
struct Tally {
  unsigned cycles = 0, divergences = 0, faults = 0;
  std::map<std::string, unsigned> by_fault;  ///< that took place
  std::map<int, unsigned> exit_codes;
  double slowest_end_seconds = 0;  ///< from a first signal
};

void add(Tally& tally, const CycleResult& result) {
  ++tally.cycles;
  ++tally.exit_codes[result.exit_code];
  if (result.took_place) {
    ++tally.faults;
    ++tally.by_fault[result.fault];
  }
  tally.slowest_end_seconds = std::max(tally.slowest_end_seconds, result.end_seconds);
  if (!result.wrong.empty()) ++tally.divergences;
}

void print(const Tally& tally, unsigned seed) {
  std::printf("seed %u: %u cycles, %u faults, %u divergences\n", seed, tally.cycles, tally.faults, tally.divergences);
  for (const auto& [fault, count] : tally.by_fault) std::printf("  %6u  %s\n", count, fault.c_str());
  for (const auto& [code, count] : tally.exit_codes) std::printf("  %6u  ended with %d\n", count, code);
  std::printf("  slowest end after a signal: %.1f s\n", tally.slowest_end_seconds);
}

int torture(const Arguments& arguments) {
  const OwnServer server;
  Tally tally;
  const auto begin = Clock::now();
  const auto time_is_up = [&] {
    return arguments.minutes > 0 &&
           Clock::now() - begin > std::chrono::duration<double, std::ratio<60>>(arguments.minutes);
  };
  for (unsigned number = arguments.cycle.value_or(1);; ++number) {
    if (arguments.cycles != 0 && tally.cycles == arguments.cycles) break;
    if (time_is_up()) break;
    const CycleResult result = run_cycle(server, arguments.seed, number, arguments.fault);
    add(tally, result);
    std::printf("%s cycle %u: %s\n", result.wrong.empty() ? "ok   " : "WRONG", number, result.description.c_str());
    if (!result.wrong.empty())
      std::printf("  %s\n  again: torture --seed %u --fault '%s' --cycle %u\n%s\n", result.wrong.c_str(),
                  arguments.seed, arguments.fault.c_str(), number, result.log.c_str());
    std::fflush(stdout);
  }
  print(tally, arguments.seed);
  return tally.divergences == 0 ? 0 : 1;
}

}  // namespace
}  // namespace rebuild_projection::test

int main(int argc, char** argv) {
  try {
    signal(SIGPIPE, SIG_IGN);
    return rebuild_projection::test::torture(rebuild_projection::test::read(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}

#include "pipeline/machine.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace rebuild_projection {

namespace {

/// CPUs that this process may use: the affinity mask, and a container's share ("max 100000" or "150000 100000").
unsigned cpus() {
  unsigned count = std::max(1U, std::thread::hardware_concurrency());
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    count = std::min(count, std::max(1U, static_cast<unsigned>(CPU_COUNT(&allowed))));
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (file >> quota >> period && period > 0)
    count = std::min(count, std::max(1U, static_cast<unsigned>(quota / period + 0.5)));
  return count;
}

/// A container's memory limit in bytes; UINT64_MAX where there is none.
std::uint64_t memory_limit() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::uint64_t bytes = 0;
  return file >> bytes ? bytes : UINT64_MAX;
}

/// Readers where nobody says how many: each is a connection, and a process of the server's.
constexpr unsigned readers_max = 4;

}  // namespace

RunOptions with_defaults(RunOptions options) {
  if (options.workers == 0) options.workers = cpus();
  if (options.readers == 0) options.readers = std::min(cpus(), readers_max);
  // Enough pages that every reader and worker, apply and commit have one at hand while another waits behind it.
  if (options.tokens == 0) options.tokens = 2 * (options.workers + options.readers) + 4;
  if (options.memory_bytes_max == 0) options.memory_bytes_max = std::min(std::uint64_t{512} << 20, memory_limit() / 2);
  if (options.spill_directory.empty()) {
    const char* const chosen = std::getenv("TMPDIR");
    options.spill_directory = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  }
  return options;
}

}  // namespace rebuild_projection

#include "stages/postgres/client_mark.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "pipeline/hash.h"

namespace rebuild_projection {

namespace {

/// What numbers of processes mean something else beyond: the machine since it was started, and its namespaces for
/// numbers and for the time since then. Empty where the system does not tell.
std::string home() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::error_code error;
  const std::string numbers = std::filesystem::read_symlink("/proc/self/ns/pid", error).string();
  if (boot.empty() || error) return {};
  const std::string times = std::filesystem::read_symlink("/proc/self/ns/time", error).string();  // since Linux 5.6
  return fmt::format("{:016x}", hash_of(boot + " " + numbers + " " + times));
}

struct Status {
  char state = '?';
  std::string began;  ///< in ticks since the machine was started
};

/// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the name, in parentheses, may hold anything.
std::optional<Status> status_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int state_field = 3, began_field = 22;
  Status status;
  fields >> status.state;
  for (int field = state_field + 1; field <= began_field; ++field) fields >> status.began;
  return fields ? std::optional(status) : std::nullopt;
}

}  // namespace

std::string mark_of_this_process() {
  const std::string where = home();
  const auto status = status_of("self");
  if (where.empty() || !status) return {};
  return fmt::format("{}.{}@{}", ::getpid(), status->began, where);
}

MarkedProcess look_at(std::string_view mark) {
  const auto dot = mark.find('.'), at = mark.find('@');
  if (dot == std::string_view::npos || at == std::string_view::npos || dot > at) return MarkedProcess::unknown;
  if (const std::string here = home(); here.empty() || mark.substr(at + 1) != here) return MarkedProcess::unknown;
  const std::string_view number = process_number(mark);
  pid_t process = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), process);
  if (error != std::errc{} || end != number.data() + number.size() || process <= 0) return MarkedProcess::unknown;

  // Asked first: /proc may hide the processes of others.
  if (::kill(process, 0) != 0 && errno == ESRCH) return MarkedProcess::ended;
  const auto status = status_of(std::string(number));
  if (!status) return MarkedProcess::runs;
  const bool is_another = status->began != mark.substr(dot + 1, at - dot - 1);
  const bool is_dead = status->state == 'Z' || status->state == 'X';  // and only its parent has not taken note
  return is_another || is_dead ? MarkedProcess::ended : MarkedProcess::runs;
}

std::string_view process_number(std::string_view mark) {
  return mark.substr(0, mark.find('.'));
}

}  // namespace rebuild_projection

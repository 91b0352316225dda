#include "tools/run.h"

#include <fcntl.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/error.h"
#include "stages/check.h"
#include "stages/draft.h"
#include "stages/explain.h"
#include "stages/preparation.h"
#include "stages/read/store_file.h"
#include "stages/rebuild.h"
#include "stages/status.h"
#include "stages/undo.h"
#include "tools/command_line.h"
#include "tools/drift_file.h"
#include "tools/logging.h"
#include "tools/progress_display.h"
#include "tools/row_history_text.h"
#include "tools/signals.h"
#include "tools/summary.h"
#include "tools/summary_file.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

constexpr int exit_refused = 1, exit_failed = 2, exit_cancelled = 3;

/// Started with a standard stream closed ("prog >&-"), the next file or socket opened would take its number, and the
/// summary would be written into a database connection. Read-only, so that writing to it still fails.
void fill_closed_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) static_cast<void>(::open("/dev/null", O_RDONLY));
}

/// One log line for each line of the text.
void log_error(std::string_view text) {
  do {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) spdlog::error("{}", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  } while (!text.empty());
}

/// The exit code, or 2 if standard output did not take the text.
int print(std::string_view text, int exit_code) {
  if (write_all(STDOUT_FILENO, text)) return exit_code;
  log_error(std::string("Standard output cannot be written: ") + std::strerror(errno) + '.');
  return exit_failed;
}

/// What the first and the second signal request.
struct Stops {
  std::stop_token stop, abort;
};

int list_projections(const Options& options, const ProjectorRegistry& registry, const Stops& stops) {
  std::vector<std::vector<std::string>> rows{{"projection", "table", "version", "file"}};
  for (const std::string& name : registry.names()) {
    const Projector& projector = *registry.find(name);
    rows.push_back({name, projector.table().name, std::to_string(projector.version()), "(part of this program)"});
  }
  const ProjectionFiles files = projection_files(options, stops.stop);
  for (const ProjectionFile& file : files.good)
    rows.push_back({file.name(), file.table(), std::to_string(file.version()), file.path().string()});
  const int exit_code = print(in_columns(rows, rows.front().size()), files.mistaken.empty() ? 0 : exit_refused);
  for (const auto& [name, mistakes] : files.mistaken)
    for (const std::string& mistake : mistakes) log_error(mistake);
  return exit_code;
}

int list_stores() {
  std::vector<std::vector<std::string>> rows;
  for (const ShippedFile& preset : shipped_stores()) {
    const StoreFile file = read_store_text(preset.name, preset.text);
    rows.push_back({file.name, file.about});
  }
  return print(in_columns(rows, rows.front().size()), 0);
}

ProgressKind kind_here(const CommandLine& line) {
  if (line.progress != ProgressKind::automatic) return line.progress;
  return error_stream_is_terminal() && line.log_format == LogFormat::text ? ProgressKind::bar : ProgressKind::log;
}

int finish(Report& report, const std::optional<SummaryFile>& summary_file, std::optional<DriftFile>& drift_file) {
  if (drift_file && report.ending == Ending::complete) try {
      drift_file->finish();
    } catch (const RunError& error) {
      report.ending = Ending::failed;
      report.ending_detail = error.what();
    }
  int exit_code = report.exit_code();
  if (report.ending == Ending::failed) log_error(report.ending_detail);
  exit_code = print(report.history ? row_history_text(report) : summary_text(report), exit_code);
  if (summary_file) try {
      summary_file->write(summary_json(report, exit_code));
    } catch (const RunError& error) {
      log_error(std::string(error.what()) + " The rebuild itself ended as the summary on standard output says.");
      exit_code = exit_failed;
    }
  return exit_code;
}

int rebuild_and_report(CommandLine& line, const ProjectorRegistry& registry, const Stops& stops) {
  std::optional<SummaryFile> summary_file;
  if (!line.summary_file.empty()) summary_file.emplace(line.summary_file);
  std::optional<DriftFile> drift_file;
  if (!line.drift_file.empty()) {
    drift_file.emplace(line.drift_file);
    line.options.on_drift = [&drift_file](const auto&... drift) { drift_file->write(drift_line(drift...)); };
  }

  Progress progress;
  line.options.progress = &progress;
  line.options.abort = stops.abort;
  line.options.announce = [](const std::string& text) { spdlog::info("{}", text); };
  Report report;
  {
    const ProgressDisplay display(progress, kind_here(line), line.options.max_events);
    report = line.task == CommandLine::Task::explain ? explain_row(line.options, registry, line.row_key, stops.stop)
                                                     : rebuild(line.options, registry, stops.stop);
  }
  return finish(report, summary_file, drift_file);
}

int check_and_report(const Options& options, const ProjectorRegistry& registry, const Stops& stops) {
  std::string text;
  for (const std::string& line : check(options, registry, stops.stop)) text += printable(line) + '\n';
  return print(text + "no mistakes\n", 0);
}

int print_status(const Options& options, const Stops& stops) {
  std::vector<std::vector<std::string>> rows{
      {"projection", "table", "state", "events", "behind", "by time", "moved", "at", "being rebuilt by"}};
  for (const ProjectionStatus& one : status(options, stops.stop))
    rows.push_back({one.projection.empty() ? "-" : one.projection, one.table,
                    one.state.empty() ? "no checkpoint" : one.state, with_commas(one.events),
                    one.store_is_behind ? "the store ends before it"
                    : one.events_behind ? with_commas(*one.events_behind)
                                        : "?",
                    one.time_behind.value_or("?"), one.updated_at, one.position,
                    one.held_by.empty() ? "-" : one.held_by});
  return print(rows.size() == 1 ? "no checkpoints: nothing was rebuilt yet\n" : in_columns(rows, rows.front().size()),
               0);
}

int undo_and_report(const CommandLine& line, const ProjectorRegistry& registry, const Stops& stops) {
  std::vector<std::vector<std::string>> rows{{"put back", "table", "inserted", "updated", "deleted"}};
  for (const UndonePublication& one : undo_publish(line.options, registry, stops.stop))
    rows.push_back({one.projection, one.table, with_commas(one.rows.inserted), with_commas(one.rows.updated),
                    with_commas(one.rows.deleted)});
  return print(in_columns(rows, 2), 0);
}

int print_draft(const CommandLine& line, const Stops& stops) {
  return print(draft_projection(line.options, line.init_table, stops.stop), 0);
}

/// Examples are never taken for the user's own projections. A program with projectors of its own needs no files.
void refuse_no_projections(const CommandLine& line, const ProjectorRegistry& registry) {
  using Task = CommandLine::Task;
  constexpr std::array without{Task::list_stores, Task::show_store, Task::status, Task::init};
  if (std::ranges::find(without, line.task) != without.end()) return;
  if (line.options.examples || !line.options.projections_dir.empty() || !registry.names().empty()) return;
  throw UsageError(
      "There is no folder ./projections; name the folder of your projection files with --projections DIR, or say "
      "--projections shipped for the examples of this program.");
}

int run_command(int argc, char** argv, const ProjectorRegistry& registry, const Stops& stops) {
  auto parsed = parse(argc, argv, process_environment(), stops.stop);
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
    if (early->exit_code == 0) return print(early->text, 0);
    write_all(STDERR_FILENO, early->text);
    return early->exit_code;
  }
  auto& line = std::get<CommandLine>(parsed);
  set_up_logging(line.log_level, line.log_format);
  for (const std::string& note : line.notes) spdlog::info("{}", note);
  using Task = CommandLine::Task;
  refuse_no_projections(line, registry);
  switch (line.task) {
    case Task::list:
      return list_projections(line.options, registry, stops);
    case Task::list_stores:
      return list_stores();
    case Task::show_store:
      return print(find_preset("--show-store", line.shown_store).text, 0);
    case Task::check:
      return check_and_report(line.options, registry, stops);
    case Task::status:
      return print_status(line.options, stops);
    case Task::undo:
      return undo_and_report(line, registry, stops);
    case Task::init:
      return print_draft(line, stops);
    case Task::explain:
    case Task::rebuild:
      break;
  }
  return rebuild_and_report(line, registry, stops);
}

/// Pages of megabytes come and go: what one gave back the next gets from malloc, and not anew, zeroed, from the kernel.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int mapped_from_bytes = 64 << 20, kept_bytes = 128 << 20;
  mallopt(M_MMAP_THRESHOLD, mapped_from_bytes);
  mallopt(M_TRIM_THRESHOLD, kept_bytes);
  mallopt(M_ARENA_MAX, 1);
#endif
}

}  // namespace

int run(int argc, char** argv, const ProjectorRegistry& registry) {
  try {
    keep_freed_memory();
    fill_closed_standard_streams();
    block_signals();
    set_up_logging(LogLevel::info, LogFormat::text);  // until the command line says how
    std::stop_source stop, abort;
    const SignalWatch watch(stop, abort);
    try {
      return run_command(argc, argv, registry, {stop.get_token(), abort.get_token()});
    } catch (const UsageError& error) {
      log_error(error.what());
      return exit_refused;
    } catch (const Cancelled& error) {
      log_error(error.what());
      return exit_cancelled;
    } catch (const std::bad_alloc&) {
      log_error("Out of memory: lower --batch-size, --tokens or --max-memory.");
    } catch (const std::exception& error) {
      log_error(error.what());
    }
  } catch (...) {
    write_all(STDERR_FILENO, "rebuild_projection: out of memory\n");  // not even a message could be made
  }
  return exit_failed;
}

}  // namespace rebuild_projection

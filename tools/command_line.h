#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "stages/explain.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

enum class ProgressKind : std::uint8_t { automatic, bar, log, none };
enum class LogFormat : std::uint8_t { text, json };
/// There is no "off": the reason why a run ended badly is always said.
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };

/// A command line that was understood.
struct CommandLine {
  Options options;  ///< progress and announce are left empty
  enum class Task : std::uint8_t {
    rebuild,
    list,         ///< the projections; only where they are counts
    check,        ///< what a rebuild would check
    status,       ///< how far the projections are; only where store and target are counts
    explain,      ///< what the events did to the row of `row_key`
    undo,         ///< what publishing replaced is put back
    list_stores,  ///< the presets
    show_store,   ///< the preset `shown_store`
    init,         ///< a projection file for `init_table`; only where store and target are counts
  };
  Task task = Task::rebuild;
  std::string init_table;
  std::string shown_store;
  std::vector<RowKeyPart> row_key;
  ProgressKind progress = ProgressKind::automatic;
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  std::filesystem::path summary_file;  ///< empty: none
  std::filesystem::path drift_file;    ///< empty: none
  std::vector<std::string> notes;      ///< what was assumed, to be logged once the log exists
};

/// The program is to end at once: `text` goes to stdout with exit code 0, else to stderr.
struct EarlyExit {
  int exit_code = 0;
  std::string text;
};

/// The value of an environment variable; nullopt where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
/// That of this process.
Environment process_environment();

/// Reads the command line, then REBUILD_… variables, then the config file; the first that names an option counts. What
/// can destroy rows is taken from the command line only. Every mistake is reported, one a line, with exit code 1. Reads
/// the config file, touches no database, prints nothing. Throws Cancelled on a stop, and std::bad_alloc.
std::variant<CommandLine, EarlyExit> parse(int argc, const char* const* argv, const Environment& environment,
                                           const std::stop_token& stop = {});

}  // namespace rebuild_projection

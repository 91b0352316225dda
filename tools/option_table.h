#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// One option of the command line, as --help shows it.
struct OptionSpec {
  std::string_view name;   ///< without the dashes
  std::string_view value;  ///< what --help calls its value; empty: a flag
  std::string_view group;
  std::string_view help;
  /// Whether a REBUILD_… variable or the config file may set it too; false for all that can destroy rows.
  bool from_elsewhere = true;
  bool repeats = false;

  [[nodiscard]] bool is_flag() const { return value.empty(); }
};

/// Every option, in the order of --help.
std::span<const OptionSpec> option_table();

/// nullptr if there is no such option.
const OptionSpec* find_option(std::string_view name);

/// "batch-size" -> "REBUILD_BATCH_SIZE"
std::string environment_name(std::string_view option);

/// What --help says after the options.
std::string_view help_footer();

}  // namespace rebuild_projection

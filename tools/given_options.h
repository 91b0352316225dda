#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command_line.h"

namespace rebuild_projection {

/// A value of an option as it was written, and where.
struct GivenValue {
  std::string text;
  std::string origin;  ///< how messages name it: "--batch-size", "REBUILD_BATCH_SIZE" or "batch-size in file.toml"
};

/// What was given, by option name (without dashes); a flag's value is "true" or "false". Names are those of
/// option_table().
using GivenOptions = std::map<std::string, std::vector<GivenValue>, std::less<>>;

/// Turns texts into values, with defaults for what was not given. Every mistake is added to `mistakes` as a sentence;
/// then the result means nothing.
CommandLine check_options(const GivenOptions& given, std::vector<std::string>& mistakes);

}  // namespace rebuild_projection

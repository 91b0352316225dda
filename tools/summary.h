#pragma once

#include <string>
#include <string_view>

#include "pipeline/report.h"

namespace rebuild_projection {

/// As --mode spells it.
std::string_view mode_name(Mode mode);

/// What a person reads at the end of a run; ends with a line's end. Names and messages in it cannot steer a terminal.
std::string summary_text(const Report& report);

/// The same facts, and all event types, as one JSON object; ends with a line's end. Keys are never removed or renamed
/// within a major version. Bytes that are not UTF-8 become U+FFFD.
std::string summary_json(const Report& report, int exit_code);

}  // namespace rebuild_projection

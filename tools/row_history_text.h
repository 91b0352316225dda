#pragma once

#include <string>

#include "pipeline/report.h"

namespace rebuild_projection {

/// What a person reads after --explain-row: the events that touch the row, what each did, and whether the live row is
/// as they say. Ends with a line's end. Names and values in it cannot steer a terminal.
std::string row_history_text(const Report& report);

}  // namespace rebuild_projection

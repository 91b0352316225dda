#pragma once

#include <string>

#include "pipeline/report.h"

namespace rebuild_projection {

/// VERIFY's part of the summary: the numbers, the certificate, and the first rows that are not as the events say. ""
/// where nothing was compared. Names and values in it cannot steer a terminal.
std::string comparison_text(const Report& report);

/// One of these rows: its key and what differs. Ends with a line's end.
std::string drift_text(const Comparison& comparison, const Drift& drift);

}  // namespace rebuild_projection

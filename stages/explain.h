#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "pipeline/report.h"
#include "stages/rebuild.h"

namespace rebuild_projection {

/// A part of a row's key: a value, and the column it is for; without a column where the key has one alone.
struct RowKeyPart {
  std::optional<std::string> column;
  std::string value;
};

/// What the events did to one row of one projection (Report::history), and whether the live row is as they say
/// (Report::Projection::comparison): VERIFY of that row. Where every rule's key is the stream id, the events of that
/// stream alone are read. Reports and throws as verify(); UsageError where the key is not the table's.
Report explain_row(const Options& options, const ProjectorRegistry& registry, const std::vector<RowKeyPart>& key,
                   std::stop_token stop);

}  // namespace rebuild_projection

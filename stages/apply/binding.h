#pragma once

#include "pipeline/table.h"
#include "stages/apply/mistakes.h"
#include "stages/apply/rules.h"
#include "stages/postgres/catalogue.h"

namespace rebuild_projection {

/// Checks the rules of a file against its table. The layout holds the key in the order of the file and the written
/// columns in the order of the table; it is meaningful only if no mistake was added.
TableLayout bind_to_table(const ProjectionFile::Content& content, const CatalogueTable& table, Mistakes& mistakes);

}  // namespace rebuild_projection

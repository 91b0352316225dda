#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "stages/apply/mistakes.h"
#include "stages/apply/rules.h"
#include "stages/postgres/catalogue.h"

namespace rebuild_projection {

/// Checks the rules of a file against its table. The layout holds the key in the order of the file and the written
/// columns in the order of the table; it is meaningful only if no mistake was added.
TableLayout bind_to_table(const ProjectionFile::Content& content, const CatalogueTable& table, Mistakes& mistakes);

/// Checks what a projector declares against its table, and adds each mistake as "projector NAME: sentence". The result
/// knows the types of its columns and refers to `projector`; null after a mistake.
std::unique_ptr<Projector> bind_projector(const Projector& projector, const CatalogueTable& table,
                                          std::vector<std::string>& mistakes);

}  // namespace rebuild_projection

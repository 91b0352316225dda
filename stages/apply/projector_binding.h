#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "stages/postgres/catalogue.h"

namespace rebuild_projection {

/// Checks what a projector declares against its table, and adds each mistake as "projector NAME: sentence". The result
/// knows the types of its columns and refers to `projector`; null after a mistake.
std::unique_ptr<Projector> bind_projector(const Projector& projector, const CatalogueTable& table,
                                          std::vector<std::string>& mistakes);

}  // namespace rebuild_projection

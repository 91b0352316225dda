#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "stages/apply/projection_file.h"
#include "stages/commit/publication_checks.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A projection that a run rebuilds: its projector and its table, checked against each other.
struct SelectedProjection {
  std::unique_ptr<Projector> projector;  ///< may refer to the registry's
  CatalogueTable table;
  std::string origin;  ///< its file, or "(part of this program)"
};

/// Of each, in their order.
std::vector<const Projector*> projectors_of(const std::vector<SelectedProjection>& selected);
std::vector<CatalogueTable> tables_of(const std::vector<SelectedProjection>& selected);
/// Which they must outlive.
std::vector<PublishedTable> published_tables(const std::vector<SelectedProjection>& selected);

struct SelectionRequest {
  const std::vector<std::string>& names;  ///< or "all"
  const ProjectorRegistry& registry;
  const std::vector<ProjectionFile>& files;
  const std::vector<std::uint32_t>& store_relations;  ///< oids of the event store, see TargetUse
  bool truncate = false;
  bool reads_only = false;  ///< the tables are compared, not rebuilt
  bool publishes = false;   ///< they are rebuilt in shadows
};

/// Finds the projections by name, in the registry and the files, reads their tables from the catalogue and binds the
/// files to them. Whatever keeps a table from being rebuilt is added to `mistakes`, a sentence each; such a projection
/// is left out. Throws UsageError for a name that is not there.
std::vector<SelectedProjection> select_projections(const SelectionRequest& request, Session& session,
                                                   std::vector<std::string>& mistakes);

}  // namespace rebuild_projection

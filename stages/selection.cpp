#include "stages/selection.h"

#include <algorithm>
#include <iterator>

#include "pipeline/error.h"
#include "stages/apply/projector_binding.h"
#include "stages/commit/publication_checks.h"
#include "stages/commit/target_checks.h"
#include "stages/postgres/catalogue_query.h"

namespace rebuild_projection {

namespace {

const ProjectionFile* find_file(const SelectionRequest& request, const std::string& name) {
  for (const ProjectionFile& file : request.files)
    if (file.name() == name) return &file;
  return nullptr;
}

std::vector<std::string> selected_names(const SelectionRequest& request) {
  std::vector<std::string> known = request.registry.names();
  for (const ProjectionFile& file : request.files) {
    if (request.registry.find(file.name()) != nullptr)
      throw UsageError(file.path().string() + ": the name " + file.name() + " is taken by a projector of the program");
    known.push_back(file.name());
  }
  return select_names(known, request.names);
}

void check_shared_table(const std::vector<SelectedProjection>& earlier, const CatalogueTable& table,
                        const std::string& where, std::vector<std::string>& mistakes) {
  for (const SelectedProjection& other : earlier)
    if (other.table.oid == table.oid)
      mistakes.push_back(where + table.schema + "." + table.name + " is also the table of projection " +
                         other.projector->name() + "; two projections cannot share one");
}

}  // namespace

std::vector<const Projector*> projectors_of(const std::vector<SelectedProjection>& selected) {
  std::vector<const Projector*> projectors;
  for (const SelectedProjection& one : selected) projectors.push_back(one.projector.get());
  return projectors;
}

std::vector<CatalogueTable> tables_of(const std::vector<SelectedProjection>& selected) {
  std::vector<CatalogueTable> tables;
  for (const SelectedProjection& one : selected) tables.push_back(one.table);
  return tables;
}

std::vector<PublishedTable> published_tables(const std::vector<SelectedProjection>& selected) {
  std::vector<PublishedTable> tables;
  for (const SelectedProjection& one : selected)
    tables.push_back({one.projector->name(), &one.projector->table(), &one.table});
  return tables;
}

std::vector<SelectedProjection> select_projections(const SelectionRequest& request, Session& session,
                                                   std::vector<std::string>& mistakes) {
  const std::string role(session.execute("SELECT current_user").text(0, 0));
  std::vector<SelectedProjection> result;
  std::vector<std::string> places;  // of their tables' names, for messages
  for (const std::string& name : selected_names(request)) {
    const ProjectionFile* file = find_file(request, name);
    const Projector* registered = request.registry.find(name);
    const std::string table_name = file != nullptr ? file->table() : registered->table().name;
    const std::string where = file != nullptr ? file->path().string() + ":" + std::to_string(file->table_line()) + ": "
                                              : "projector " + name + ": ";
    auto table = read_table(session, table_name);
    if (!table) {
      mistakes.push_back(where + "there is no table \"" + table_name + "\" in " + session.where() +
                         "; create it first, or name it as \"schema.table\"");
      continue;
    }
    SelectedProjection selected;
    selected.table = std::move(*table);
    selected.origin = file != nullptr ? file->path().string() : "(part of this program)";
    check_shared_table(result, selected.table, where, mistakes);
    const auto refused = check_target({.where = where,
                                       .table = &selected.table,
                                       .role = role,
                                       .truncate = request.truncate,
                                       .reads_only = request.reads_only,
                                       .publishes = request.publishes,
                                       .store_relations = request.store_relations});
    mistakes.insert(mistakes.end(), refused.begin(), refused.end());
    selected.projector =
        file != nullptr ? file->bind(selected.table, mistakes) : bind_projector(*registered, selected.table, mistakes);
    if (selected.projector == nullptr) continue;
    places.push_back(where);
    result.push_back(std::move(selected));
  }
  const std::vector<PublishedTable> published = published_tables(result);
  for (std::size_t index = 0; request.publishes && index < result.size(); ++index)
    std::ranges::move(publish_mistakes(session, published[index], published, request.store_relations, places[index]),
                      std::back_inserter(mistakes));
  return result;
}

}  // namespace rebuild_projection

#include "stages/check.h"

#include <spdlog/spdlog.h>

#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "stages/preparation.h"

namespace rebuild_projection {

std::vector<std::string> check(const Options& options, const ProjectorRegistry& registry, const std::stop_token& stop) {
  Options reading = options;
  reading.mode = Mode::dry_run;
  const Preparation prepared = prepare(reading, registry, stop);
  const EventStore& store = prepared.store;
  Session& session = *prepared.source_session;

  session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const bool indexed = store.order_is_indexed(session);
  session.execute("COMMIT");
  store.refuse_null_positions(session);
  if (!indexed) spdlog::warn("{}", unindexed_order(store));

  std::vector<const Projector*> projectors;
  std::vector<std::string> lines;
  for (const auto& selected : prepared.selected) {
    projectors.push_back(selected.projector.get());
    lines.push_back("projection " + selected.projector->name() + ": table " + selected.table.schema + "." +
                    selected.table.name + ", " + selected.origin);
  }
  static_cast<void>(make_json_parser(projectors, format_of(store.payload())));  // refuses paths that lead nowhere
  const StoreFile& file = store.file();
  lines.push_back("store " + file.name + ": " + (file.is_subquery() ? "a query" : file.from) + " ordered by " +
                  joined(file.order) + ", " + file.path.string());
  return lines;
}

}  // namespace rebuild_projection

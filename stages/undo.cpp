#include "stages/undo.h"

#include "pipeline/error.h"
#include "stages/commit/previous_rows.h"
#include "stages/commit/target_locks.h"
#include "stages/commit/target_session.h"
#include "stages/preparation.h"

namespace rebuild_projection {

namespace {

std::vector<UndonePublication> undo_in(Session& session, const Preparation& prepared, const std::stop_token& stop) {
  const std::vector<PublishedTable> published = published_tables(prepared.selected);
  std::vector<const CatalogueTable*> tables;
  for (const PublishedTable& table : published) tables.push_back(table.live);
  WritersLock lock(session, tables, prepared.options.publish_lock_timeout, stop);
  prepared.checkpoints.refuse_altered(session);
  const std::vector<Publication> undone = undo_publications(session, lock, prepared.options.meta_schema, published);
  session.execute("COMMIT");
  std::vector<UndonePublication> result;
  for (std::size_t index = 0; index < undone.size(); ++index)
    result.push_back({published[index].projection, tables[index]->schema + "." + tables[index]->name, undone[index]});
  return result;
}

}  // namespace

std::vector<UndonePublication> undo_publish(const Options& options, const ProjectorRegistry& registry,
                                            const std::stop_token& stop) {
  Options undoing = options;
  undoing.mode = Mode::apply;
  undoing.strategy = Strategy::shadow;
  Preparation prepared = prepare(undoing, registry, stop);
  lock_targets(*prepared.target_session, tables_of(prepared.selected), options.lock_timeout);
  LastingSession session(
      std::move(prepared.target_session),
      [](const Session::Backend*) -> std::unique_ptr<Session> {
        throw RunError(
            "the connection was lost while the rows were put back; run it again: it does so, or says "
            "that there is nothing left to undo");
      },
      options.retry, stop);
  return session.use([&](Session& connected) { return undo_in(connected, prepared, stop); });
}

}  // namespace rebuild_projection

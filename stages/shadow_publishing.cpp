#include <utility>

#include "pipeline/error.h"
#include "stages/commit/previous_rows.h"
#include "stages/commit/publication.h"
#include "stages/commit/shadows.h"
#include "stages/read/fence.h"
#include "stages/shadow_rebuild.h"

namespace rebuild_projection {

namespace {

/// The wait for transactions that may commit an earlier event, while writers wait too.
constexpr std::chrono::seconds fence_under_lock_max{2};

}  // namespace

void ShadowRebuild::catch_up_under_lock(Session& publisher, Report& report) {
  EventRange range = rest(publisher);
  // What a transaction wrote into the tables before they were locked, of that its events are seen.
  range.beyond_horizon = same_database_;
  std::vector<std::uint32_t> locked;
  for (const auto& selected : selected_)
    if (same_database_) locked.insert(locked.end(), selected.table.tree.begin(), selected.table.tree.end());
  source_.use([&](Session& session) {
    range.last = store_.last(session, range);
    if (!range.last || options_.fence == Fence::off) return;
    try {
      wait_at_fence(store_, session, fence_under_lock_max, stop_, locked);
    } catch (const UsageError& error) {
      throw TryAgain(error.what());
    }
  });
  if (range.last) replay_more(report, range);
}

void ShadowRebuild::publish_all(Report& report) {
  if (options_.max_events != 0 && report.events_read >= options_.max_events) {
    report.ending = Ending::incomplete;
    return;
  }
  for (auto& projection : report.projections) projection.publication.reset();
  publisher_.use([&](Session& session) {
    // The connection was lost: did its COMMIT come through?
    if (publisher_.number() > 1 && checkpoints_.is_published(session)) return;
    try {
      if (publisher_.number() > 1 || report.publish_tries > 0) catch_up(report);
      if (report.ending != Ending::complete) return;
      ++report.publish_tries;
      publish_in(session, report);
    } catch (...) {
      try {
        session.execute("ROLLBACK");
      } catch (const std::exception&) {  // the connection is gone, and the transaction with it
      }
      throw;
    }
  });
  report.published = report.ending == Ending::complete;
  if (report.published) report.published_position = at_;
}

void ShadowRebuild::publish_in(Session& publisher, Report& report) {
  std::vector<const CatalogueTable*> tables;
  for (const auto& selected : selected_) tables.push_back(&selected.table);
  publisher.execute("BEGIN");
  lock_against_writers(publisher, tables);
  const auto locked = std::chrono::steady_clock::now();
  checkpoints_.refuse_altered(publisher);
  catch_up_under_lock(publisher, report);
  if (report.ending != Ending::complete) {
    publisher.execute("ROLLBACK");
    return;
  }
  take_over(publisher, report);
  publisher.execute("COMMIT");
  report.locked_seconds = std::chrono::steady_clock::now() - locked;
}

void ShadowRebuild::take_over(Session& publisher, Report& report) {
  const std::string& schema = checkpoints_.schema();
  std::vector<ShadowedTable> tables;
  for (std::size_t index = 0; index < selected_.size(); ++index) {
    const SelectedProjection& selected = selected_[index];
    ShadowedTable& table =
        tables.emplace_back(ShadowedTable{&selected.projector->table(), &selected.table, &shadows_[index]});
    find_difference(publisher, schema, table);
    drop_previous_rows(publisher, schema, selected.table);
    if (options_.keep_previous) keep_previous_rows(publisher, schema, selected.projector->name(), table);
  }
  const std::vector<Publication> done = publish(publisher, tables);
  for (std::size_t index = 0; index < selected_.size(); ++index) report.projections[index].publication = done[index];
  checkpoints_.publish(publisher);
  for (const auto& selected : selected_) {
    if (options_.keep_previous)
      note_new_rows(publisher, schema, selected.projector->name(), selected.projector->table(), selected.table);
    drop_shadow(publisher, schema, selected.table.oid);
  }
}

}  // namespace rebuild_projection

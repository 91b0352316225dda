#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "pipeline/error.h"
#include "stages/commit/previous_rows.h"
#include "stages/commit/publication.h"
#include "stages/commit/shadows.h"
#include "stages/read/fence.h"
#include "stages/shadow_rebuild.h"

namespace rebuild_projection {

namespace {

/// Requests a stop when its time has come.
class Alarm {
 public:
  explicit Alarm(std::chrono::milliseconds time)
      : thread_([this, time](const std::stop_token& over) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any until;
          if (!until.wait_for(lock, over, time, [] { return false; }) && !over.stop_requested()) rings_.request_stop();
        }) {}
  [[nodiscard]] std::stop_token rings() const { return rings_.get_token(); }

 private:
  std::stop_source rings_;
  std::jthread thread_;
};

}  // namespace

void ShadowRebuild::catch_up_under_lock(Session& publisher, const WritersLock& lock, Report& report) {
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
      wait_at_fence(store_, session, lock.left(), stop_, locked);
    } catch (const UsageError& error) {
      throw TryAgain(error.what());
    }
  });
  if (!range.last) return;
  const Alarm alarm(lock.left());
  bool in_time = false;
  try {
    in_time = replay_more(report, range, alarm.rings());
  } catch (const Cancelled&) {
    if (stop_.stop_requested()) throw;
  }
  if (!in_time)
    throw TryAgain("events arrived faster than they could be replayed within " +
                   std::to_string(options_.publish_lock_timeout.count()) +
                   " s (--publish-lock-timeout) while writers were kept out");
}

void ShadowRebuild::publish_all(Report& report) {
  if (options_.max_events != 0 && report.events_read >= options_.max_events) {
    report.ending = Ending::incomplete;
    return;
  }
  for (auto& projection : report.projections) projection.publication.reset();
  target_.use([this](Session& session) { checkpoints_.claim(session); });
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
  WritersLock lock(publisher, tables, options_.publish_lock_timeout, stop_);
  const auto locked = std::chrono::steady_clock::now();
  checkpoints_.refuse_altered(publisher);
  catch_up_under_lock(publisher, lock, report);
  if (report.ending != Ending::complete) {
    publisher.execute("ROLLBACK");
    return;
  }
  refuse_what_others_did(publisher);
  take_over(publisher, lock, report);
  publisher.execute("COMMIT");
  report.locked_seconds = std::chrono::steady_clock::now() - locked;
}

void ShadowRebuild::refuse_what_others_did(Session& publisher) const {
  for (std::size_t index = 0; index < selected_.size(); ++index)
    if (checkpoints_.lock(publisher, index, {.from = at_, .to = at_}) != Checkpoints::Standing::after)
      throw RunError("projection " + selected_[index].projector->name() +
                     ": its shadow is not what this run left, since a crash of the server emptied it, or somebody "
                     "changed its checkpoint");
  if (checkpoints_.live_standing(publisher) != live_standing_)
    throw RunError("another run changed the checkpoint of a live table since this one began");
}

void ShadowRebuild::take_over(Session& publisher, WritersLock& lock, Report& report) {
  const std::string& schema = checkpoints_.schema();
  const std::vector<Replacement> replacements = lock.unhurried([&] {
    std::vector<Replacement> result;
    for (std::size_t index = 0; index < selected_.size(); ++index)
      result.push_back(find_difference(
          publisher, schema, {&selected_[index].projector->table(), &selected_[index].table, &shadows_[index]}));
    return result;
  });
  lock.lock_rows(replacements);
  lock.write([&] {
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      drop_previous_rows(publisher, schema, selected_[index].table);
      if (options_.keep_previous)
        keep_previous_rows(publisher, schema, selected_[index].projector->name(), replacements[index]);
    }
    replace_rows(publisher, replacements);
    checkpoints_.publish(publisher);
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const SelectedProjection& selected = selected_[index];
      report.projections[index].publication = replacements[index].counts;
      if (options_.keep_previous)
        note_new_rows(publisher, schema, selected.projector->name(), selected.projector->table(), selected.table);
      drop_shadow(publisher, schema, selected.table.oid);
    }
  });
}

}  // namespace rebuild_projection

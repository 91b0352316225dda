#include "stages/shadow_rebuild.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "pipeline/error.h"
#include "stages/commit/shadows.h"
#include "stages/commit/target_session.h"
#include "stages/live_position.h"
#include "stages/range_end.h"
#include "stages/read/store_reader.h"
#include "stages/replay.h"

namespace rebuild_projection {

namespace {

/// So many rounds without an end: events come as fast as they are replayed.
constexpr unsigned rounds_max = 100;
/// A round that took no longer leaves no more than can be replayed while writers wait.
constexpr std::chrono::seconds last_round_max{1};

}  // namespace

ShadowRebuild::ShadowRebuild(Preparation&& prepared, Plan&& plan, std::stop_token stop)
    : options_(std::move(prepared.options)),
      stop_(std::move(stop)),
      plan_(std::move(plan)),
      where_(prepared.target_session->where()),
      same_database_(share_a_snapshot(options_, *prepared.source_session, *prepared.target_session)),
      store_(std::move(prepared.store)),
      selected_(std::move(prepared.selected)),
      checkpoints_(std::move(prepared.checkpoints)),
      source_(std::move(prepared.source_session), source_connector(source_of(options_), stop_), options_.retry, stop_),
      target_(std::move(prepared.target_session),
              target_connector(target_of(options_), tables_of(selected_), options_.abort, stop_), options_.retry,
              stop_),
      publisher_(nullptr, target_connector(target_of(options_), {}, stop_, stop_), options_.retry, stop_),
      watch_(projectors_of(selected_)),
      closing_(source_, store_, plan_, selected_, stop_) {}

void ShadowRebuild::guarded(Report& report, const std::string& what, const std::function<void()>& step) {
  if (report.ending != Ending::complete) return;
  try {
    step();
  } catch (const Cancelled&) {
    report.ending = Ending::cancelled;
  } catch (const std::exception& error) {
    report.ending = Ending::failed;
    report.ending_detail = what + ": " + error.what();
  }
}

// ---- the first replay

void ShadowRebuild::set_up() {
  if (stop_.stop_requested()) throw Cancelled("stopped before the first event");
  target_.use([this](Session& session) {
    // From here on a first signal lets the running statement finish, unless it waits; a second one cancels it.
    session.cancel_on(options_.abort, stop_);
    session.execute("BEGIN");
    checkpoints_.create(session);
    shadows_.clear();
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const SelectedProjection& selected = selected_[index];
      if (options_.discard) discard_shadows(session, checkpoints_.schema(), selected.projector->name(), selected.table);
      const bool resumes = plan_.beginnings.of[index].how == Checkpoints::Begin::resumed;
      auto shadow = resumes ? find_shadow(session, checkpoints_.schema(), selected.table)
                            : make_shadow(session, checkpoints_.schema(), selected.table, selected.projector->table());
      if (!shadow)
        throw UsageError("the shadow of " + selected.table.schema + "." + selected.table.name +
                         " went while the run was planned; start over by --discard");
      shadows_.push_back(std::move(*shadow));
    }
    checkpoints_.start(session);
    live_standing_ = checkpoints_.live_standing(session);
    session.execute("COMMIT");
  });
  if (!same_database_ && options_.live_position.empty())
    closing_.warn(
        "the events are read from another database than the tables: a live projector must stand still until the "
        "tables are published, or --live-position must say where it is");
}

Report ShadowRebuild::replay_planned() {
  std::vector<Committer::Target> targets;
  std::vector<std::size_t> first_stretches;
  for (std::size_t index = 0; index < selected_.size(); ++index) {
    const Beginning& beginning = plan_.beginnings.of[index];
    targets.push_back({selected_[index].projector.get(),
                       &shadows_[index],
                       false,
                       {beginning.how, beginning.after, plan_.late_events}});
    first_stretches.push_back(beginning.first_stretch);
  }
  committer_.emplace(target_, checkpoints_, targets,
                     Committer::Settings{.memory = MemoryShares(options_.memory_bytes_max),
                                         .on_error = options_.on_error,
                                         .show_values = options_.show_values});
  Progress own_progress;
  Progress& progress = options_.progress != nullptr ? *options_.progress : own_progress;
  return replay_events(options_, store_, projectors_of(selected_),
                       {.how = plan_.reading(),
                        .range = plan_.range,
                        .stretch_ends = plan_.beginnings.stretch_ends,
                        .first_stretches = std::move(first_stretches),
                        .at_last = [this] { closing_.begin_early_count(); },
                        .watch = &watch_},
                       &*committer_, progress, stop_);
}

/// No event was read: there is none, or all are in the shadows.
void ShadowRebuild::replay_none() {
  if (plan_.events_in_range > 0)
    throw RunError("the " + std::to_string(plan_.events_in_range) +
                   " events in range were gone when they were to be read; run the rebuild again");
  if (std::ranges::any_of(plan_.beginnings.of, &Beginning::clears)) committer_->clear_only();
}

Report ShadowRebuild::go() {
  Report report = replay_planned();
  closing_.end_early_count();
  at_ = plan_.range.last ? plan_.range.last : plan_.beginnings.after;
  plan_.range.up_to.reset();  // the live projector has gone on
  if (report.ending == Ending::incomplete && report.events_read == plan_.events_in_range)
    report.ending = Ending::complete;
  if (report.batches == 0) guarded(report, "before the first batch", [&] { replay_none(); });
  guarded(report, "catching up", [&] { catch_up(report); });
  closing_.describe(report, where_);
  closing_.check_events(report);
  const bool whole = report.ending == Ending::complete;
  closing_.step([&] { committer_->finish(whole, closing_.found_late_events()); }, report);
  guarded(report, "publishing", [&] { publish_all(report); });
  finish(report);
  return report;
}

// ---- what comes meanwhile

EventRange ShadowRebuild::rest(Session& session) {
  EventRange rest;
  rest.after = at_;
  if (options_.live_position.empty()) return rest;
  source_.use([&](Session& source) {
    const Position now = live_position(session, source, store_, options_.live_position);
    if (at_ && !store_.not_before(source, now, *at_))
      throw RunError("the live projector is at " + to_string(now) + ", and the shadow holds the events up to " +
                     to_string(*at_) + "; let it go on, and publish by --resume");
    rest.up_to = now;
  });
  return rest;
}

bool ShadowRebuild::replay_more(Report& report, const EventRange& range, const std::stop_token& hurry) {
  std::stop_source either;
  const std::stop_callback on_stop(stop_, [&] { either.request_stop(); });
  const std::stop_callback on_hurry(hurry, [&] { either.request_stop(); });

  const auto reading = plan_.indexed ? Replay::Reading::page_by_page : Replay::Reading::at_once;
  Progress progress;  // the other one stands at its end
  Report more =
      replay_events(options_, store_, projectors_of(selected_), {.how = reading, .range = range, .watch = &watch_},
                    &*committer_, progress, either.get_token());
  const bool ended_early = more.ending == Ending::cancelled && !stop_.stop_requested();
  if (ended_early) more.ending = Ending::complete;  // of what it committed
  report.add(more);
  plan_.events_in_range += more.events_read;
  if (report.ending != Ending::complete) return true;
  if (ended_early) {
    if (more.last_position) at_ = more.last_position;
    return false;
  }
  const std::uint64_t there = source_.use([&](Session& session) { return store_.count(session, range); });
  if (there != more.events_read)
    throw RunError("the store has " + std::to_string(there) + " events " +
                   (range.after ? "after " + to_string(*range.after) + " up to " : "up to ") + to_string(*range.last) +
                   ", but " + std::to_string(more.events_read) +
                   " were read: it changed under the run; drop the shadow and start over by --discard");
  at_ = range.last;
  return true;
}

void ShadowRebuild::catch_up(Report& report) {
  if (options_.max_events != 0) return;
  for (unsigned round = 0; report.ending == Ending::complete; ++round) {
    if (round == rounds_max)
      throw RunError("events arrive as fast as they are replayed: " + std::to_string(round) +
                     " rounds did not catch up with them; go on by --resume when fewer arrive");
    const auto begin = std::chrono::steady_clock::now();
    EventRange range = target_.use([this](Session& session) { return rest(session); });
    const RangeEnd end = source_.use(
        [&](Session& session) { return find_end(store_, session, options_, range, plan_.beginnings, stop_); });
    if (!end.last) return;
    if (plan_.late_events.empty()) plan_.late_events = end.late_events;
    range.last = end.last;
    spdlog::info("catching up with {} events that arrived meanwhile", end.events);
    replay_more(report, range);
    ++report.catch_up_rounds;
    if (std::chrono::steady_clock::now() - begin < last_round_max) return;
  }
}

// ---- the end

void ShadowRebuild::drop_empty_shadows(Report& report) {
  const bool fresh = std::ranges::all_of(plan_.beginnings.of, [](const Beginning& one) { return !one.after; });
  if (!fresh || report.batches > 0) return;
  try {
    target_.use([this](Session& session) {
      session.execute("BEGIN");
      for (const auto& selected : selected_) drop_shadow(session, checkpoints_.schema(), selected.table.oid);
      checkpoints_.forget(session);
      session.execute("COMMIT");
    });
  } catch (const std::exception& error) {
    closing_.warn(std::string("the empty shadow was left behind: ") + error.what());
  }
}

void ShadowRebuild::finish(Report& report) {
  report.mode = Mode::apply;
  report.shadow = true;
  closing_.describe_range(report);
  if (report.published) {
    closing_.step(
        [&] {
          if (stop_.stop_requested()) throw Cancelled("stopped after publishing");
          target_.use([&](Session& session) {
            closing_.analyze(session, report);
            static_cast<void>(checkpoints_.is_published(session));  // and the rows are there still
          });
        },
        report);
  } else {
    drop_empty_shadows(report);
    report.ending_detail += (report.ending_detail.empty() ? "" : "; ") + std::string("nothing was published, ") +
                            "the live tables are as they were; ";
    report.ending_detail +=
        report.batches == 0 && !at_ ? "run it again" : "--resume goes on with the shadow, --discard starts over";
  }
  report.retries += source_.retries() + target_.retries() + publisher_.retries();
  const auto of = report.published ? Checkpoints::Of::live : Checkpoints::Of::shadows;
  closing_.warn_of_events(watch_, Checkpoints::dead_letters(options_.meta_schema, of), report);
  closing_.report_warnings(report);
}

}  // namespace rebuild_projection

#include "stages/rebuild.h"

#include <algorithm>
#include <memory>

#include "pipeline/callback.h"
#include "pipeline/error.h"
#include "pipeline/payload_watch.h"
#include "stages/closing.h"
#include "stages/commit/committer.h"
#include "stages/commit/target_session.h"
#include "stages/plan.h"
#include "stages/read/store_reader.h"
#include "stages/replay.h"
#include "stages/scope.h"
#include "stages/shadow_rebuild.h"
#include "stages/verify.h"

namespace rebuild_projection {

namespace {

/// A rebuild that was planned.
class Rebuild {
 public:
  Rebuild(Preparation&& prepared, Plan&& plan, std::stop_token stop)
      : options_(std::move(prepared.options)),
        stop_(std::move(stop)),
        plan_(std::move(plan)),
        where_(prepared.target_session->where()),
        store_(std::move(prepared.store)),
        selected_(std::move(prepared.selected)),
        checkpoints_(std::move(prepared.checkpoints)),
        source_(std::move(prepared.source_session), source_connector(source_of(options_), stop_), options_.retry,
                stop_),
        target_(std::move(prepared.target_session),
                target_connector(target_of(options_), tables_of(selected_), options_.abort, stop_), options_.retry,
                stop_),
        watch_(projectors_of(selected_)),
        closing_(source_, store_, plan_, selected_, stop_) {}

  Report go() {
    Report report = replay();
    finish(report);
    return report;
  }

 private:
  [[nodiscard]] bool applies() const { return options_.mode == Mode::apply; }

  // ---- the run

  Report replay() {
    const std::vector<const Projector*> projectors = projectors_of(selected_);
    std::vector<Committer::Target> targets;
    std::vector<std::size_t> first_stretches;
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const Beginning& beginning = plan_.beginnings.of[index];
      targets.push_back({projectors[index],
                         &selected_[index].table,
                         beginning.clears,
                         {beginning.how, beginning.after, plan_.late_events}});
      first_stretches.push_back(beginning.first_stretch);
    }
    Progress own_progress;
    Progress& progress = options_.progress != nullptr ? *options_.progress : own_progress;
    if (applies()) {
      if (stop_.stop_requested()) throw Cancelled("stopped before the first event");
      target_.use([this](Session& session) {
        // From here on a first signal lets the running statement finish, unless it waits; a second one cancels it.
        session.cancel_on(options_.abort, stop_);
        checkpoints_.create(session);
        session.execute("BEGIN");
        checkpoints_.start(session);
        session.execute("COMMIT");
      });
      committer_.emplace(target_, checkpoints_, targets,
                         Committer::Settings{.memory = MemoryShares(options_.memory_bytes_max),
                                             .on_error = options_.on_error,
                                             .truncate = options_.truncate,
                                             .show_values = options_.show_values});
    }
    Report report = replay_events(options_, store_, projectors,
                                  {.how = plan_.reading(),
                                   .range = plan_.range,
                                   .stretch_ends = plan_.beginnings.stretch_ends,
                                   .first_stretches = std::move(first_stretches),
                                   .at_last = [this] { closing_.begin_early_count(); },
                                   .watch = &watch_},
                                  committer_ ? &*committer_ : nullptr, progress, stop_);
    closing_.end_early_count();
    if (committer_) {
      if (report.ending == Ending::complete && report.batches == 0) end_without_batch(report);
      for (std::size_t index = 0; index < selected_.size(); ++index)
        report.projections[index].rows_cleared = committer_->rows_cleared()[index];
    }
    return report;
  }

  /// No event was read: what was to be cleared is, unless there should have been events.
  void end_without_batch(Report& report) {
    if (plan_.events_in_range > 0) {
      report.ending = Ending::failed;
      report.ending_detail = "the " + std::to_string(plan_.events_in_range) +
                             " events in range were gone when they were to be read; run the rebuild again";
    } else if (std::ranges::any_of(plan_.beginnings.of, &Beginning::clears)) {
      closing_.step([&] { committer_->clear_only(); }, report);
    }
  }

  // ---- the end

  void finish(Report& report) {
    closing_.describe(report, where_);
    if (report.ending == Ending::incomplete && report.events_read == plan_.events_in_range)
      report.ending = Ending::complete;
    closing_.check_events(report);
    if (applies())
      closing_.step(
          [&] {
            const bool complete = report.ending == Ending::complete && options_.from_beginning() && !options_.to_ts;
            committer_->finish(complete, closing_.found_late_events());
            if (stop_.stop_requested()) throw Cancelled("stopped after the last batch");
            if (!went_well(report)) return;
            target_.use([&](Session& session) { closing_.analyze(session, report); });
            committer_->refuse_lost();
          },
          report);
    report.retries += source_.retries() + target_.retries();
    say_what_is_left(report);
    closing_.warn_of_events(watch_, Checkpoints::dead_letters(options_.meta_schema, Checkpoints::Of::live), report);
    closing_.report_warnings(report);
    if (!plan_.has_gaps) return;
    if (report.ending == Ending::complete) report.ending = Ending::partial;
    report.last_position.reset();
  }

  void say_what_is_left(Report& report) {
    auto also = [&](const std::string& sentence) {
      report.ending_detail += (report.ending_detail.empty() ? "" : "; ") + sentence;
    };
    if (!applies() || report.ending == Ending::complete) return;
    const auto& found = closing_.found_late_events();
    if (found && !found->empty()) return;  // what to do is said
    if (report.batches == 0) return also("no batch was committed, the tables are as they were");
    if (std::ranges::any_of(selected_, [](const auto& selected) { return !selected.table.unlogged.empty(); }))
      also("a run onto unlogged tables cannot be resumed; run it again to start over");
    else if (plan_.has_gaps)
      also("the tables hold a part of the events; run it again to start over");
    else if (options_.clears() && options_.from_beginning() && !store_.file().per_stream)
      also("the tables hold the events up to " + to_string(*report.last_position) +
           " only; go on with --resume, or run it again to start over");
    else if (options_.scope == Scope::touched)
      also("the touched rows hold the events up to " + to_string(*report.last_position) +
           " only; run it again to start over");
    else if (options_.clears())
      also("the tables hold the events up to " + to_string(*report.last_position) +
           " only; run it again to start over");
    else
      also("rows touched by later events may be older than before the run; to finish, replay the rest: " +
           store_.option_to_begin_after(report.last_event_id, *report.last_position));
  }

  const Options options_;
  const std::stop_token stop_;
  Plan plan_;
  const std::string where_;
  const EventStore store_;
  const std::vector<SelectedProjection> selected_;
  const Checkpoints checkpoints_;
  LastingSession source_, target_;      ///< what is transient is tried again
  std::optional<Committer> committer_;  ///< APPLY's
  PayloadWatch watch_;
  Closing closing_;
};

}  // namespace

namespace {

Report replay(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  std::optional<Rebuild> in_place;
  std::optional<ShadowRebuild> in_shadow;
  try {
    Preparation prepared = prepare(options, registry, stop);
    Plan plan = make_plan(prepared, stop);
    if (options.scope == Scope::touched) narrow_to_touched_rows(prepared, plan, stop);
    if (options.mode == Mode::apply) announce(plan, prepared);
    if (options.progress != nullptr) options.progress->events_total = plan.events(options);
    if (options.mode == Mode::apply && options.in_shadow()) {
      in_shadow.emplace(std::move(prepared), std::move(plan), std::move(stop));
      in_shadow->set_up();
    } else {
      in_place.emplace(std::move(prepared), std::move(plan), std::move(stop));
    }
  } catch (const SqlError& error) {
    // Nothing was read into a projection or cleared.
    throw refused_check(error);
  }
  return in_shadow ? in_shadow->go() : in_place->go();
}

}  // namespace

Report rebuild(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  try {
    return options.mode == Mode::verify ? verify(options, registry, std::move(stop))
                                        : replay(options, registry, std::move(stop));
  } catch (const CallbackError& error) {
    return failed_before_the_first_event(options, error);
  }
}

}  // namespace rebuild_projection

#include "stages/rebuild.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "pipeline/engine.h"
#include "pipeline/error.h"
#include "stages/commit/committer.h"
#include "stages/commit/target_session.h"
#include "stages/plan.h"
#include "stages/read/store_reader.h"
#include "stages/reading.h"
#include "stages/verify.h"

namespace rebuild_projection {

namespace {

constexpr const char* other_count = "a run counted other events than had been read";

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
        source_(std::move(prepared.source_session), source_connector(options_.source_dsn, stop_), options_.retry,
                stop_),
        target_(std::move(prepared.target_session), target_connector(options_.dsn, tables(), options_.abort),
                options_.retry, stop_) {}

  Report go() {
    Report report = replay();
    finish(report);
    return report;
  }

 private:
  [[nodiscard]] bool applies() const { return options_.mode == Mode::apply; }

  [[nodiscard]] std::vector<CatalogueTable> tables() const {
    std::vector<CatalogueTable> tables;
    for (const auto& selected : selected_) tables.push_back(selected.table);
    return tables;
  }

  // ---- the run

  Report replay() {
    std::vector<const Projector*> projectors;
    std::vector<Committer::Target> targets;
    std::vector<std::size_t> first_stretches;
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const Beginning& beginning = plan_.beginnings.of[index];
      projectors.push_back(selected_[index].projector.get());
      targets.push_back({projectors.back(),
                         &selected_[index].table,
                         beginning.clears,
                         {beginning.how, beginning.after, plan_.late_events}});
      first_stretches.push_back(beginning.first_stretch);
    }
    Progress own_progress;
    Progress& progress = options_.progress != nullptr ? *options_.progress : own_progress;
    StoreReader::Settings reading = reader_settings(options_, store_, projectors, plan_.indexed, stop_);
    reading.stretch_ends = plan_.beginnings.stretch_ends;
    const auto reader = make_reader(store_, plan_.range, std::move(reading));
    const auto parser = make_json_parser(projectors, format_of(store_.payload()));

    if (applies()) {
      if (stop_.stop_requested()) throw Cancelled("stopped before the first event");
      target_.use([this](Session& session) {
        // From here on a first signal lets the running statement finish; only a second one cancels it.
        session.cancel_on(options_.abort);
        checkpoints_.create(session);
        checkpoints_.start(session);
      });
      committer_.emplace(target_, checkpoints_, targets,
                         Committer::Settings{.memory = MemoryShares(options_.memory_bytes_max),
                                             .on_error = options_.on_error,
                                             .truncate = options_.truncate,
                                             .show_values = options_.show_values});
    }
    Report report = run_pipeline(options_, projectors,
                                 {.source = *reader, .parser = *parser, .sink = committer_ ? &*committer_ : nullptr},
                                 progress, stop_, first_stretches);
    report.retries = reader->retries();
    report.bytes_read = reader->bytes();
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
      close([&] { committer_->clear_only(); }, report);
    }
  }

  // ---- the end

  void finish(Report& report) {
    report.store = store_.file().name;
    report.database = where_;
    report.range = plan_.range.text;
    report.events_in_range = plan_.events_in_range;
    for (std::size_t index = 0; index < selected_.size(); ++index)
      report.projections[index].table = selected_[index].table.schema + "." + selected_[index].table.name;
    if (report.ending == Ending::incomplete && report.events_read == plan_.events_in_range)
      report.ending = Ending::complete;
    report.late_events = plan_.late_events;
    if (report.late_events.empty() && !plan_.beginnings.late_events.empty())
      report.late_events = "in an earlier run: " + plan_.beginnings.late_events;
    close([&] { check_count(report); }, report);
    close([&] { check_all_runs(report); }, report);
    if (applies()) {
      close(
          [&] {
            const bool complete = report.ending == Ending::complete && options_.from_beginning() && !options_.to_ts;
            committer_->finish(complete, found_late_events_);
            if (went_well(report)) target_.use([this](Session& session) { analyze(session); });
          },
          report);
    }
    report.retries += source_.retries() + target_.retries();
    say_what_is_left(report);
    report.warnings.insert(report.warnings.begin(), warnings_.begin(), warnings_.end());
  }

  static bool went_well(const Report& report) {
    return report.ending == Ending::complete || report.ending == Ending::incomplete;
  }

  /// One step after the last batch, whose failure is the run's.
  template <typename Step>
  void close(Step&& step, Report& report) {
    try {
      step();
    } catch (const Cancelled&) {
      if (!went_well(report)) return;
      report.ending = Ending::cancelled;
      warn("a signal came after the last batch: the closing checks were left out");
    } catch (const RunError& error) {
      report.ending = Ending::failed;
      if (report.ending_detail.find(error.what()) != std::string::npos) return;  // what ended the batches ends this too
      report.ending_detail +=
          (report.ending_detail.empty() ? "" : "; ") + std::string("after the last batch: ") + error.what();
    }
  }

  /// Nothing may be lost in silence: the store, asked again, must have as many events in what was replayed as were
  /// read.
  void check_count(Report& report) {
    if (!went_well(report) || !report.last_position) return;
    EventRange replayed = plan_.range;
    replayed.last = report.last_position;
    const std::uint64_t there = count(replayed);
    if (there == report.events_read) return;
    report.ending = Ending::failed;
    found_late_events_ = other_count;
    report.ending_detail = "the store now has " + std::to_string(there) + " events up to " +
                           to_string(*report.last_position) + ", but " + std::to_string(report.events_read) +
                           " were replayed: it changed under the run, or late events arrived; run the rebuild again";
  }

  /// Where no fence promises that no event came late, in this run or in an earlier one, every event up to the
  /// checkpoints is counted, and not only those of this run: what was committed late, after earlier runs had passed it,
  /// is missing in the rows.
  void check_all_runs(Report& report) {
    if (!went_well(report) || report.late_events.empty()) return;
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const Beginning& beginning = plan_.beginnings.of[index];
      if (!beginning.after) continue;
      EventRange all;
      const std::uint64_t new_events = report.events_read - report.projections[index].already_there;
      all.last = new_events > 0 ? report.last_position : beginning.after;
      const std::uint64_t there = count(all), read = beginning.events + new_events;
      if (there == read) continue;
      report.ending = Ending::failed;
      report.ending_detail =
          "the store has " + std::to_string(there) + " events up to " + to_string(*all.last) + ", but " +
          std::to_string(read) + " were read for projection " + report.projections[index].name + " by all its runs: " +
          (there > read ? std::to_string(there - read) + " were committed late, after later ones had been read"
                        : std::to_string(read - there) + " were deleted since") +
          "; rebuild it from the beginning, without --resume";
      found_late_events_ = other_count;
      return;
    }
    // What earlier runs had not waited for has ended at this run's fence, and nothing of it is missing.
    if (plan_.late_events.empty()) found_late_events_ = "";
  }

  std::uint64_t count(const EventRange& range) {
    return source_.use([&](Session& session) { return store_.count(session, range); });
  }

  void analyze(Session& session) {
    for (const auto& selected : selected_) {
      const std::string name = quote_name(selected.table.schema, selected.table.name);
      const bool may = session
                           .execute("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::oid",
                                    {std::to_string(selected.table.oid)})
                           .boolean(0, 0);
      if (may)
        session.execute("ANALYZE " + name);
      else
        warn("only its owner (" + selected.table.owner + ") may analyze " + name + "; run as that role: ANALYZE " +
             name + ";");
    }
  }

  void say_what_is_left(Report& report) {
    auto also = [&](const std::string& sentence) {
      report.ending_detail += (report.ending_detail.empty() ? "" : "; ") + sentence;
    };
    if (!applies() || report.ending == Ending::complete) return;
    if (found_late_events_ && !found_late_events_->empty()) return;  // what to do is said
    if (report.batches == 0) return also("no batch was committed, the tables are as they were");
    if (options_.clears() && options_.from_beginning())
      also("the tables hold the events up to " + to_string(*report.last_position) +
           " only; go on with --resume, or run it again to start over");
    else if (options_.clears())
      also("the tables hold the events up to " + to_string(*report.last_position) +
           " only; run it again to start over");
    else
      also(
          "rows touched by later events may be older than before the run; to finish, replay the rest: "
          "--from-event-id " +
          report.last_event_id);
  }

  void warn(const std::string& text) {
    spdlog::warn("{}", text);
    warnings_.push_back(text);
  }

  const Options options_;
  const std::stop_token stop_;
  const Plan plan_;
  const std::string where_;
  const EventStore store_;
  const std::vector<SelectedProjection> selected_;
  const Checkpoints checkpoints_;
  LastingSession source_, target_;                ///< what is transient is tried again
  std::optional<Committer> committer_;            ///< APPLY's
  std::optional<std::string> found_late_events_;  ///< Checkpoints::finish()'s
  std::vector<std::string> warnings_ = plan_.warnings;
};

}  // namespace

Report rebuild(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  if (options.mode == Mode::verify) return verify(options, registry, std::move(stop));
  std::optional<Rebuild> run;
  try {
    Preparation prepared = prepare(options, registry, stop);
    Plan plan = make_plan(prepared, stop);
    if (options.progress != nullptr) options.progress->events_total = plan.events(options);
    run.emplace(std::move(prepared), std::move(plan), std::move(stop));
  } catch (const SqlError& error) {
    // Nothing was read into a projection or cleared.
    throw UsageError(std::string("the database refused a check before the run: ") + error.what() + " (SQLSTATE " +
                     error.sqlstate + ")");
  }
  return run->go();
}

}  // namespace rebuild_projection

#include "stages/rebuild.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "pipeline/engine.h"
#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/beginning.h"
#include "stages/commit/checkpoints.h"
#include "stages/commit/committer.h"
#include "stages/commit/target_checks.h"
#include "stages/commit/target_session.h"
#include "stages/preparation.h"
#include "stages/read/event_store.h"
#include "stages/read/page_reader.h"

namespace rebuild_projection {

namespace {

constexpr const char* other_count = "a run counted other events than had been read";

std::string name_in_sql(const CatalogueTable& table) {
  return quote_name(table.schema, table.name);
}

/// One rebuild, step by step: each step finds out what the later ones need, and nothing is written before
/// replay().
class Rebuild {
 public:
  Rebuild(Preparation&& prepared, Beginnings&& beginnings, std::stop_token stop)
      : options_(std::move(prepared.options)),
        stop_(std::move(stop)),
        source_session_(std::move(prepared.source_session)),
        target_session_(std::move(prepared.target_session)),
        store_(std::move(prepared.store)),
        selected_(std::move(prepared.selected)),
        beginnings_(std::move(beginnings)),
        checkpoints_(std::move(prepared.checkpoints)) {}

  Report go() {
    hand_over_sessions();
    Report report = replay();
    finish(report);
    return report;
  }

  /// The checks that need the events.
  void look_before() {
    choose_range();
    if (applies()) prepare_target();
    fix_end();
    refuse_empty_range();
    if (applies()) announce();
  }

 private:
  [[nodiscard]] bool applies() const { return options_.mode == Mode::apply; }

  // ---- which events

  void choose_range() {
    range_.text = "";
    auto say = [&](const std::string& part) { range_.text += (range_.text.empty() ? "" : ", ") + part; };
    if (options_.from_event_id) {
      range_.after = store_.find(*source_session_, *options_.from_event_id);
      if (!range_.after)
        throw UsageError("--from-event-id: the store has no event " + *options_.from_event_id +
                         "; nothing was read or changed");
      say("after event " + *options_.from_event_id);
    }
    if (options_.from_ts) {
      store_.limit_ts(range_, ">=", *options_.from_ts);
      say("ts >= " + *options_.from_ts);
    }
    if (options_.to_ts) {
      store_.limit_ts(range_, "<", *options_.to_ts);
      say("ts < " + *options_.to_ts);
    }
    if (options_.resume) {
      range_.after = beginnings_.after;
      say(beginnings_.after ? "after the checkpoint at " + to_string(*beginnings_.after) : "from the beginning");
    }
    if (range_.text.empty()) say("all events");
  }

  /// The end of the run is the last position that is there now; what comes later belongs to the next run.
  void fix_end() {
    source_session_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    one_cursor_ = !store_.order_is_indexed(*source_session_);
    source_session_->execute("COMMIT");
    source_session_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    store_.refuse_null_positions(*source_session_);
    range_.last = store_.last(*source_session_, range_);
    source_session_->execute("COMMIT");
    if ((range_.last || !earlier_late_events().empty()) && options_.fence == Fence::automatic)
      wait_at_fence(store_, *source_session_, options_.fence_timeout, stop_);
    if (const auto& end = range_.last ? range_.last : range_.after)
      late_events_ = why_late_events_may_come(store_, *source_session_, *end, options_.fence);
    source_session_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    events_in_range_ = range_.last ? store_.count(*source_session_, range_) : 0;
    source_session_->execute("COMMIT");
    if (one_cursor_ && events_in_range_ >= limits::unindexed_warning_events) warn(unindexed_order(store_));
    if (options_.progress != nullptr) options_.progress->events_total = expected_events();
  }

  [[nodiscard]] std::uint64_t expected_events() const {
    return options_.max_events == 0 ? events_in_range_ : std::min(options_.max_events, events_in_range_);
  }

  /// Clearing without anything to replay is hardly what was meant.
  void refuse_empty_range() {
    if (events_in_range_ > 0 || options_.clear == Clear::always) return;
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      if (!beginnings_.of[index].clears) continue;
      const auto& selected = selected_[index];
      const std::uint64_t rows =
          target_session_->execute("SELECT count(*) FROM " + name_in_sql(selected.table)).number(0, 0);
      if (rows > 0)
        throw UsageError("there are no events in range (" + range_.text + "), and the " + std::to_string(rows) +
                         " rows of " + selected.table.schema + "." + selected.table.name +
                         " would be lost; nothing was changed; --clear always clears them all the same");
    }
  }

  // ---- the target

  void prepare_target() {
    for (const auto& selected : selected_) lock_target(*target_session_, selected.table);
    for (const auto& selected : selected_)
      if (selected.table.unlogged)
        warn("table " + selected.table.schema + "." + selected.table.name +
             " is unlogged: a crash of the server empties it, and it must then be rebuilt from the beginning");
  }

  void announce() {
    auto say = [&](const std::string& line) {
      if (options_.announce) options_.announce(line);
    };
    say("database " + target_session_->where() + ", tables:");
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const auto& selected = selected_[index];
      const Beginning& beginning = beginnings_.of[index];
      const std::uint64_t rows =
          target_session_->execute("SELECT count(*) FROM " + name_in_sql(selected.table)).number(0, 0);
      say("  " + selected.table.schema + "." + selected.table.name + ": " + std::to_string(rows) + " rows, " +
          (beginning.after    ? "go on after " + to_string(*beginning.after)
           : beginning.clears ? "cleared and rebuilt"
                              : "replayed onto, without clearing") +
          ", projection " + selected.projector->name());
    }
    say("events to replay: " + std::to_string(expected_events()) + " (" + range_.text + ")");
  }

  // ---- the run

  /// From here on what is transient is tried again.
  void hand_over_sessions() {
    source_.emplace(
        std::move(source_session_),
        [dsn = options_.source_dsn, stop = stop_](const Session::Backend*) {
          auto session = std::make_unique<Session>(dsn, "read", Session::Access::read_only);
          session->cancel_on(stop);
          return session;
        },
        options_.retry, stop_);
    std::vector<CatalogueTable> tables;
    for (const auto& selected : selected_) tables.push_back(selected.table);
    // From here on a first signal lets the running statement finish; only a second one cancels it.
    if (applies()) target_session_->cancel_on(options_.abort);
    where_ = target_session_->where();
    target_.emplace(std::move(target_session_), target_connector(options_.dsn, std::move(tables), options_.abort),
                    options_.retry, stop_);
  }

  Report replay() {
    std::vector<const Projector*> projectors;
    std::vector<Committer::Target> targets;
    std::vector<std::size_t> first_stretches;
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const Beginning& beginning = beginnings_.of[index];
      projectors.push_back(selected_[index].projector.get());
      targets.push_back(
          {projectors.back(), &selected_[index].table, beginning.clears, beginning.how, beginning.after, late_events_});
      first_stretches.push_back(beginning.first_stretch);
    }
    Progress own_progress;
    Progress& progress = options_.progress != nullptr ? *options_.progress : own_progress;
    PageReader reader(store_, range_,
                      {.dsn = options_.source_dsn,
                       .one_cursor = one_cursor_,
                       .stretch_ends = beginnings_.stretch_ends,
                       .retry = options_.retry,
                       .stop = stop_});
    const auto parser = make_json_parser(projectors, format_of(store_.payload()));

    if (applies()) {
      if (stop_.stop_requested()) throw Cancelled("stopped before the first event");
      target_->use([this](Session& session) {
        checkpoints_.create(session);
        checkpoints_.start(session);
      });
      committer_.emplace(
          *target_, checkpoints_, targets,
          Committer::Settings{
              .on_error = options_.on_error, .truncate = options_.truncate, .show_values = options_.show_values});
    }
    Report report = run_pipeline(options_, projectors, {reader, *parser, committer_ ? &*committer_ : nullptr}, progress,
                                 stop_, first_stretches);
    report.retries = reader.retries();
    if (committer_) {
      if (report.ending == Ending::complete && report.batches == 0) end_without_batch(report);
      for (std::size_t index = 0; index < selected_.size(); ++index)
        report.projections[index].rows_cleared = committer_->rows_cleared()[index];
    }
    return report;
  }

  /// No event was read: what was to be cleared is, unless there should have been events.
  void end_without_batch(Report& report) {
    if (events_in_range_ > 0) {
      report.ending = Ending::failed;
      report.ending_detail = "the " + std::to_string(events_in_range_) +
                             " events in range were gone when they were to be read; run the rebuild again";
    } else if (std::ranges::any_of(beginnings_.of, &Beginning::clears)) {
      close([&] { committer_->clear_only(); }, report);
    }
  }

  // ---- the end

  void finish(Report& report) {
    report.store = store_.file().name;
    report.database = where_;
    report.range = range_.text;
    report.events_in_range = events_in_range_;
    for (std::size_t index = 0; index < selected_.size(); ++index)
      report.projections[index].table = selected_[index].table.schema + "." + selected_[index].table.name;
    if (report.ending == Ending::incomplete && report.events_read == events_in_range_) report.ending = Ending::complete;
    report.late_events = late_events_.empty() ? earlier_late_events() : late_events_;
    close([&] { check_count(report); }, report);
    close([&] { check_all_runs(report); }, report);
    if (applies()) {
      close(
          [&] {
            const bool complete = report.ending == Ending::complete && options_.from_beginning() && !options_.to_ts;
            committer_->finish(complete, found_late_events_);
            if (went_well(report)) target_->use([this](Session& session) { analyze(session); });
          },
          report);
    }
    report.retries += source_->retries() + target_->retries();
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
    EventRange replayed = range_;
    replayed.last = report.last_position;
    const std::uint64_t there = count(replayed);
    if (there == report.events_read) return;
    report.ending = Ending::failed;
    found_late_events_ = other_count;
    report.ending_detail = "the store now has " + std::to_string(there) + " events up to " +
                           to_string(*report.last_position) + ", but " + std::to_string(report.events_read) +
                           " were replayed: it changed under the run, or late events arrived; run the rebuild again";
  }

  /// Why an earlier run could not promise that no event would come late, as far as no later one has settled it.
  [[nodiscard]] std::string earlier_late_events() const {
    for (const Beginning& beginning : beginnings_.of)
      if (!beginning.late_events.empty()) return "in an earlier run: " + beginning.late_events;
    return "";
  }

  /// Where no fence promises that no event came late, in this run or in an earlier one, every event up to the
  /// checkpoints is counted, and not only those of this run: what was committed late, after earlier runs had passed it,
  /// is missing in the rows.
  void check_all_runs(Report& report) {
    if (!went_well(report) || report.late_events.empty()) return;
    for (std::size_t index = 0; index < selected_.size(); ++index) {
      const Beginning& beginning = beginnings_.of[index];
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
    if (late_events_.empty()) found_late_events_ = "";
  }

  std::uint64_t count(const EventRange& range) {
    return source_->use([&](Session& session) { return store_.count(session, range); });
  }

  void analyze(Session& session) {
    for (const auto& selected : selected_) {
      const std::string name = name_in_sql(selected.table);
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
  std::unique_ptr<Session> source_session_;  ///< until hand_over_sessions()
  std::unique_ptr<Session> target_session_;
  std::optional<LastingSession> source_, target_;  ///< from then on
  std::string where_;
  const EventStore store_;
  const std::vector<SelectedProjection> selected_;
  const Beginnings beginnings_;
  const Checkpoints checkpoints_;
  std::optional<Committer> committer_;  ///< APPLY's

  EventRange range_;
  bool one_cursor_ = false;
  std::uint64_t events_in_range_ = 0;
  std::string late_events_;                       ///< why an earlier event may yet be committed
  std::optional<std::string> found_late_events_;  ///< Checkpoints::finish()'s
  std::vector<std::string> warnings_;
};

}  // namespace

Report rebuild(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  std::optional<Rebuild> run;
  try {
    Preparation prepared = prepare(options, registry, stop);
    Beginnings beginnings = find_beginnings(prepared);
    run.emplace(std::move(prepared), std::move(beginnings), std::move(stop));
    run->look_before();
  } catch (const SqlError& error) {
    // Nothing was read into a projection or cleared.
    throw UsageError(std::string("the database refused a check before the run: ") + error.what() + " (SQLSTATE " +
                     error.sqlstate + ")");
  }
  return run->go();
}

}  // namespace rebuild_projection

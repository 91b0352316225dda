#include "stages/rebuild.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "pipeline/engine.h"
#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/commit/checkpoints.h"
#include "stages/commit/committer.h"
#include "stages/commit/target_checks.h"
#include "stages/preparation.h"
#include "stages/read/event_store.h"
#include "stages/read/page_reader.h"

namespace rebuild_projection {

namespace {

std::string name_in_sql(const CatalogueTable& table) {
  return quote_name(table.schema, table.name);
}

/// One rebuild, step by step: each step finds out what the later ones need, and nothing is written before
/// replay().
class Rebuild {
 public:
  Rebuild(Preparation&& prepared, std::stop_token stop)
      : options_(std::move(prepared.options)),
        stop_(std::move(stop)),
        source_session_(std::move(prepared.source_session)),
        target_session_(std::move(prepared.target_session)),
        store_(std::move(prepared.store)),
        selected_(std::move(prepared.selected)),
        checkpoints_(std::move(prepared.checkpoints)) {}

  Report go() {
    Report report = replay();
    finish(report);
    return report;
  }

  /// The checks that need the events.
  void look_before() {
    choose_range();
    refuse_what_would_lose_rows();
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
    if (range_.text.empty()) say("all events");
  }

  void refuse_what_would_lose_rows() const {
    if (options_.clears()) return;
    std::vector<std::string> mistakes;
    for (const auto& selected : selected_)
      if (const std::string& reason = selected.projector->not_repeatable(); !reason.empty())
        mistakes.push_back(
            "projection " + selected.projector->name() + " cannot be replayed without clearing: " + reason +
            " is not repeatable, and would be applied again to rows that already hold these events; rebuild from the "
            "beginning, or pass --clear always, which throws the rows away that the replay does not recreate");
    if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
  }

  /// The end of the run is the last position that is there now; what comes later belongs to the next run.
  void fix_end() {
    source_session_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    one_cursor_ = !store_.order_is_indexed(*source_session_);
    source_session_->execute("COMMIT");
    source_session_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    store_.refuse_null_positions(*source_session_);
    range_.last = store_.last(*source_session_, range_);
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
    if (events_in_range_ > 0 || !options_.clears() || options_.clear == Clear::always) return;
    for (const auto& selected : selected_) {
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
    say("database " + target_session_->where() +
        (options_.clears() ? "; these tables are cleared and rebuilt:"
                           : "; these tables are replayed onto, without clearing:"));
    for (const auto& selected : selected_) {
      const std::uint64_t rows =
          target_session_->execute("SELECT count(*) FROM " + name_in_sql(selected.table)).number(0, 0);
      say("  " + selected.table.schema + "." + selected.table.name + ": " + std::to_string(rows) +
          " rows, projection " + selected.projector->name());
    }
    say("events to replay: " + std::to_string(expected_events()) + " (" + range_.text + ")");
  }

  // ---- the run

  Report replay() {
    std::vector<const Projector*> projectors;
    std::vector<Committer::Target> targets;
    for (const auto& selected : selected_) {
      projectors.push_back(selected.projector.get());
      targets.push_back({selected.projector.get(), &selected.table});
    }
    Progress own_progress;
    Progress& progress = options_.progress != nullptr ? *options_.progress : own_progress;
    PageReader reader(store_, range_, {.dsn = options_.source_dsn, .one_cursor = one_cursor_, .stop = stop_});
    const auto parser = make_json_parser(projectors, format_of(store_.payload()));

    std::optional<Committer> committer;
    if (applies()) {
      if (stop_.stop_requested()) throw Cancelled("stopped before the first event");
      // From here on a first signal lets the running statement finish; only a second one cancels it.
      target_session_->cancel_on(options_.abort);
      checkpoints_.create(*target_session_);
      checkpoints_.start(*target_session_);
      committer.emplace(*target_session_, checkpoints_, targets,
                        Committer::Settings{.on_error = options_.on_error,
                                            .clear = options_.clears(),
                                            .truncate = options_.truncate,
                                            .show_values = options_.show_values});
    }
    Report report =
        run_pipeline(options_, projectors, {reader, *parser, committer ? &*committer : nullptr}, progress, stop_);
    if (committer) {
      if (report.ending == Ending::complete && report.batches == 0) end_without_batch(*committer, report);
      for (std::size_t index = 0; index < selected_.size(); ++index)
        report.projections[index].rows_cleared = committer->rows_cleared()[index];
    }
    return report;
  }

  /// No event was read: what was to be cleared is, unless there should have been events.
  void end_without_batch(Committer& committer, Report& report) {
    if (events_in_range_ > 0) {
      report.ending = Ending::failed;
      report.ending_detail = "the " + std::to_string(events_in_range_) +
                             " events in range were gone when they were to be read; run the rebuild again";
    } else if (options_.clears()) {
      close([&] { committer.clear_only(); }, report);
    }
  }

  // ---- the end

  void finish(Report& report) {
    report.store = store_.file().name;
    report.database = target_session_->where();
    report.range = range_.text;
    report.events_in_range = events_in_range_;
    for (std::size_t index = 0; index < selected_.size(); ++index)
      report.projections[index].table = selected_[index].table.schema + "." + selected_[index].table.name;
    if (report.ending == Ending::incomplete && report.events_read == events_in_range_) report.ending = Ending::complete;
    close([&] { check_count(report); }, report);
    if (applies()) {
      close(
          [&] {
            checkpoints_.finish(*target_session_,
                                report.ending == Ending::complete && options_.from_beginning() && !options_.to_ts);
            if (went_well(report)) analyze();
          },
          report);
    }
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
    const std::uint64_t there = store_.count(*source_session_, replayed);
    if (there == report.events_read) return;
    report.ending = Ending::failed;
    report.ending_detail = "the store now has " + std::to_string(there) + " events up to " +
                           to_string(*report.last_position) + ", but " + std::to_string(report.events_read) +
                           " were replayed: it changed under the run, or late events arrived; run the rebuild again";
  }

  void analyze() {
    for (const auto& selected : selected_) {
      const std::string name = name_in_sql(selected.table);
      const bool may = target_session_
                           ->execute("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::oid",
                                     {std::to_string(selected.table.oid)})
                           .boolean(0, 0);
      if (may)
        target_session_->execute("ANALYZE " + name);
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
    if (report.batches == 0) return also("no batch was committed, the tables are as they were");
    if (options_.clears())
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
  const std::unique_ptr<Session> source_session_;
  const std::unique_ptr<Session> target_session_;
  const EventStore store_;
  const std::vector<SelectedProjection> selected_;
  const Checkpoints checkpoints_;

  EventRange range_;
  bool one_cursor_ = false;
  std::uint64_t events_in_range_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace

Report rebuild(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  std::optional<Rebuild> run;
  try {
    run.emplace(prepare(options, registry, stop), std::move(stop));
    run->look_before();
  } catch (const SqlError& error) {
    // Nothing was read into a projection or cleared.
    throw UsageError(std::string("the database refused a check before the run: ") + error.what() + " (SQLSTATE " +
                     error.sqlstate + ")");
  }
  return run->go();
}

}  // namespace rebuild_projection

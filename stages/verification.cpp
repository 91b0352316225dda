#include "stages/verification.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "pipeline/callback.h"
#include "pipeline/error.h"
#include "stages/commit/side_table.h"
#include "stages/commit/target_locks.h"
#include "stages/live_position.h"
#include "stages/postgres/settings.h"
#include "stages/read/store_reader.h"
#include "stages/replay.h"

namespace rebuild_projection {

namespace {

/// A lost session has taken the temporary tables with it.
LastingSession::Connect no_second_session() {
  return [](const Session::Backend*) -> std::unique_ptr<Session> {
    throw RunError(
        "the connection to the target database was lost, and with it the temporary tables; nothing was compared, run "
        "VERIFY again");
  };
}

bool went_well(const Report& report) {
  return report.ending == Ending::complete;
}

}  // namespace

Verification::Verification(Preparation&& prepared, Plan&& plan, std::stop_token stop, std::optional<Row> row)
    : options_(std::move(prepared.options)),
      stop_(std::move(stop)),
      plan_(std::move(plan)),
      where_(prepared.target_session->where()),
      same_database_(share_a_snapshot(options_, *prepared.source_session, *prepared.target_session)),
      store_(std::move(prepared.store)),
      selected_(std::move(prepared.selected)),
      checkpoints_(std::move(prepared.checkpoints)),
      source_(std::move(prepared.source_session), source_connector(source_of(options_), stop_), options_.retry, stop_),
      target_(std::move(prepared.target_session), no_second_session(), options_.retry, stop_),
      row_(std::move(row)),
      watch_(projectors_of(selected_)),
      warnings_(plan_.warnings) {}

std::vector<const Projector*> Verification::projectors() const {
  if (row_) return {row_->projector};
  return projectors_of(selected_);
}

void Verification::set_up() {
  target_.use([this](Session& session) {
    session.cancel_on(stop_);  // nothing that lasts is in work: a first signal may end any statement
    // Tables that change row by row live in these. Their size is fixed at the first use.
    session.execute("SET temp_buffers = '64MB'");
    session.execute("BEGIN READ WRITE");
    tables_.clear();
    for (const auto& selected : selected_)
      tables_.push_back(make_side_table(session, selected.table, selected.projector->table(), temporary_schema,
                                        "expected_" + std::to_string(tables_.size() + 1)));
    checkpoints_.create(session);
    checkpoints_.start(session);
    session.execute("COMMIT");
    warn_of_rebuilds(session);
    warn_of_other_owners(session);
  });
  if (!same_database_ && options_.to_position.empty() && options_.live_position.empty())
    warn(
        "the events are read from another database than the tables, so no snapshot holds both: what is committed while "
        "the comparison begins may be taken for drift; --live-position or --to-position say exactly where the tables "
        "are");
}

Report Verification::replay(Replay::Reading how, const EventRange& range, const std::string& snapshot,
                            Progress& progress) {
  // Events that touch one row say little of a rule's paths.
  return replay_events(options_, store_, projectors(),
                       {.how = how, .range = range, .snapshot = snapshot, .watch = row_ ? nullptr : &watch_},
                       &*committer_, progress, stop_);
}

Report Verification::go() {
  if (stop_.stop_requested()) throw Cancelled("stopped before the first event");
  std::vector<Committer::Target> targets;
  const std::vector<const Projector*> run = projectors();
  for (std::size_t index = 0; index < run.size(); ++index)
    targets.push_back({run[index], &tables_[index], false, {Checkpoints::Begin::over, std::nullopt, ""}});
  committer_.emplace(target_, checkpoints_, targets,
                     Committer::Settings{.memory = MemoryShares(options_.memory_bytes_max),
                                         .on_error = options_.on_error,
                                         .show_values = options_.show_values});
  Progress own_progress;
  Progress& progress = options_.progress != nullptr ? *options_.progress : own_progress;
  Report report = replay(plan_.reading(), plan_.range, "", progress);
  if (went_well(report)) compare(report);
  finish(report);
  return report;
}

void Verification::compare(Report& report) {
  try {
    target_.use([&](Session& session) {
      try {
        compare_in(session, report);
      } catch (const SqlError& error) {  // there is nothing to be tried again: what was caught up is gone
        throw RunError(std::string("comparing the tables: ") + error.what() + "; run VERIFY again");
      }
    });
  } catch (const Cancelled&) {
    report.ending = Ending::cancelled;
  } catch (const std::exception& error) {
    report.ending = Ending::failed;
    report.ending_detail = error.what();
  }
  if (went_well(report)) return;
  for (Report::Projection& projection : report.projections) projection.comparison.reset();
}

void Verification::compare_in(Session& session, Report& report) {
  committer_->stay_in_transaction();
  session.execute("SET idle_in_transaction_session_timeout = 0");  // while events are read
  session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  // Either way the first statement takes the snapshot.
  const std::string snapshot(session.execute(same_database_ ? "SELECT pg_export_snapshot()" : "SELECT ''").text(0, 0));
  if (!options_.live_position.empty()) take_live_position(session);
  catch_up(report, snapshot);
  if (went_well(report)) compare_tables(session, report);
  session.execute("ROLLBACK");
}

/// The live projector has gone on meanwhile.
void Verification::take_live_position(Session& session) {
  source_.use([&](Session& source) {
    const Position now = live_position(session, source, store_, options_.live_position);
    if (plan_.range.last && !store_.not_before(source, now, *plan_.range.last))
      throw RunError("the live projector's position was at " + to_string(*plan_.range.up_to) + " and is at " +
                     to_string(now) + " now: it went back during the run; run VERIFY again");
    plan_.range.up_to = now;
  });
  plan_.range.text = "up to the live projector's position, " + to_string(*plan_.range.up_to);
}

std::uint64_t Verification::count(const EventRange& range, const std::string& snapshot) {
  return source_.use([&](Session& session) {
    if (snapshot.empty()) return store_.count(session, range);
    begin_in_snapshot(session, snapshot);
    const std::uint64_t events = store_.count(session, range);
    session.execute("COMMIT");
    return events;
  });
}

void Verification::catch_up(Report& report, const std::string& snapshot) {
  EventRange read = plan_.range;
  // What the live tables show of a transaction is there whole, whatever else is still running.
  read.beyond_horizon = true;
  EventRange rest = read;
  rest.after = std::exchange(rest.last, std::nullopt);
  if (rest.after) {
    const std::uint64_t there = count(read, snapshot);
    if (there != report.events_read)
      throw RunError("the store has " + std::to_string(there) + " events up to " + to_string(*rest.after) + ", but " +
                     std::to_string(report.events_read) +
                     " were read: it changed under the run, or late events arrived; nothing was compared, run VERIFY "
                     "again");
  }
  Progress progress;  // the other one stands at its end
  const Report more = replay(Replay::Reading::at_once, rest, snapshot, progress);
  plan_.events_in_range += more.events_read;
  report.add(more);
}

void Verification::compare_tables(Session& session, Report& report) {
  session.execute(pin_again({"plan_cache_mode", "enable_hashjoin", "enable_mergejoin", "enable_seqscan"}) +
                  "; SET LOCAL work_mem = '64MB'");
  for (std::size_t index = 0; index < selected_.size(); ++index)
    report.projections[index].comparison = compare_table(session, index);
  warn_of_rebuilds(session);
}

Comparison Verification::compare_table(Session& session, std::size_t index) {
  const SelectedProjection& selected = selected_[index];
  const std::string name = selected.table.schema + "." + selected.table.name;
  const TableLayout& layout = selected.projector->table();
  Difference difference(layout, selected.table, quote_name(tables_[index].schema, tables_[index].name));
  if (row_) difference.only(row_->key);
  spdlog::info("comparing {}", name);
  Comparison found = difference.count(session);
  if (row_) {  // whose digest would be one of many rows
    if (options_.show_values) found.row = difference.expected_row(session);
  } else {
    found.digest = difference.expected_digest(session);
    found.live_digest = found.drifted() == 0 ? found.digest : difference.live_digest(session);
  }
  if (found.drifted() == 0) return found;
  difference.list(session, options_.show_values, [&](Drift&& drift) {
    if (options_.on_drift)
      call_back("on_drift", [&] { options_.on_drift(selected.projector->name(), name, found, drift); });
    if (found.first.size() < options_.drift_limit) found.first.push_back(std::move(drift));
    return options_.on_drift || found.first.size() < options_.drift_limit;
  });
  return found;
}

void Verification::finish(Report& report) {
  report.mode = Mode::verify;
  report.store = store_.file().name;
  report.database = where_;
  report.range = plan_.range.text;
  report.events_in_range = plan_.events_in_range;
  report.late_events = plan_.late_events;
  for (std::size_t index = 0; index < selected_.size(); ++index) {
    report.projections[index].table = selected_[index].table.schema + "." + selected_[index].table.name;
    if (!row_) report.projections[index].skipped_before = plan_.skipped_before[index];
  }
  for (const std::string& text : watch_.warnings()) warn(text);
  if (report.skipped() > 0)
    warn(std::to_string(report.skipped()) + (report.skipped() == 1 ? " event" : " events") +
         " cannot be applied, and the comparison goes without; the log lists them");
  report.retries += source_.retries() + target_.retries();
  report.warnings.insert(report.warnings.begin(), warnings_.begin(), warnings_.end());
}

void Verification::warn(const std::string& text) {
  if (std::ranges::find(warnings_, text) != warnings_.end()) return;
  spdlog::warn("{}", text);
  warnings_.push_back(text);
}

void Verification::warn_of_rebuilds(Session& session) {
  const auto holders = lock_holders(session);
  for (const auto& selected : selected_)
    if (const auto holder = holders.find(selected.table.oid); holder != holders.end())
      warn("a rebuild of " + selected.table.schema + "." + selected.table.name + " is running (" + holder->second.who +
           "): until it ends, the table need not be as the events say");
}

void Verification::warn_of_other_owners(Session& session) {
  std::vector<Checkpoints::Overview> checkpoints;
  try {
    checkpoints = Checkpoints::overview(session, options_.meta_schema);
  } catch (const SqlError& error) {
    if (error.sqlstate != "42501") throw;  // VERIFY needs no right to see them
  }
  for (const auto& selected : selected_)
    for (const auto& checkpoint : checkpoints)
      if (checkpoint.projection == selected.projector->name() && checkpoint.state == checkpoint_state::replaced)
        warn("projection " + checkpoint.projection + ": its table " + checkpoint.table +
             " was rebuilt by another projection since, whose rows they are");
}

}  // namespace rebuild_projection

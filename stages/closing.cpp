#include "stages/closing.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

constexpr const char* other_count = "a run counted other events than had been read";

}  // namespace

bool went_well(const Report& report) {
  return report.ending == Ending::complete || report.ending == Ending::incomplete;
}

void Closing::step(const std::function<void()>& step, Report& report) {
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

void Closing::begin_early_count() {
  if (plan_.range.last && plan_.late_events.empty()) early_count_.begin(plan_.range);
}

void Closing::check_events(Report& report) {
  step([&] { check_count(report); }, report);
  step([&] { check_all_runs(report); }, report);
}

void Closing::check_count(Report& report) {
  if (!went_well(report) || !report.last_position) return;
  EventRange replayed = plan_.range;
  replayed.last = report.last_position;
  const auto counted = report.last_position == plan_.range.last ? early_count_.end() : std::nullopt;
  const std::uint64_t there = counted ? *counted : count(replayed);
  if (there == report.events_read) {
    if (std::exchange(plan_.estimated, false)) plan_.events_in_range = there;
    return describe_range(report);
  }
  report.ending = Ending::failed;
  found_late_events_ = other_count;
  report.ending_detail = "the store now has " + std::to_string(there) + " events up to " +
                         to_string(*report.last_position) + ", but " + std::to_string(report.events_read) +
                         " were replayed: it changed under the run, or late events arrived; run the rebuild again";
}

/// Every event up to the checkpoints is counted, and not only those of this run: what was committed late, after earlier
/// runs had passed it, is missing in the rows.
void Closing::check_all_runs(Report& report) {
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

std::uint64_t Closing::count(const EventRange& range) {
  return source_.use([&](Session& session) { return store_.count(session, range); });
}

void Closing::analyze(Session& session, const Report& report) {
  session.execute("SET synchronous_commit = off");  // a crash may take the statistics, and no standby is waited for
  for (std::size_t index = 0; index < selected_.size(); ++index) {
    const auto& publication = report.projections[index].publication;
    if (publication && publication->written() == 0) continue;
    const SelectedProjection& selected = selected_[index];
    const std::string name = quote_name(selected.table.schema, selected.table.name);
    const bool may = session
                         .execute("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::oid",
                                  {std::to_string(selected.table.oid)})
                         .boolean(0, 0);
    if (may)
      session.execute("ANALYZE " + name);
    else
      warn("only its owner (" + selected.table.owner + ") may analyze " + name + "; run as that role: ANALYZE " + name +
           ";");
  }
}

void Closing::warn(const std::string& text) {
  spdlog::warn("{}", text);
  warnings_.push_back(text);
}

void Closing::warn_of_events(const PayloadWatch& watch, const std::string& dead_letters, const Report& report) {
  for (const std::string& text : watch.warnings()) warn(text);
  if (report.skipped() == 0) return;
  const bool one = report.skipped() == 1;
  const std::string events = std::to_string(report.skipped()) + (one ? " event " : " events ");
  if (report.mode == Mode::dry_run)
    warn(events + "cannot be read; APPLY with --on-error skip would record " + (one ? "it" : "them") + " in " +
         dead_letters);
  else
    warn(events + (one ? "was" : "were") + " skipped, and the rows are as the others say; " +
         (one ? "it is" : "they are") + " recorded in " + dead_letters);
}

void Closing::describe(Report& report, const std::string& database) const {
  report.store = store_.file().name;
  report.database = database;
  report.range = plan_.range.text;
  describe_range(report);
  for (std::size_t index = 0; index < selected_.size(); ++index)
    report.projections[index].table = selected_[index].table.schema + "." + selected_[index].table.name;
  report.late_events = plan_.late_events;
  if (report.late_events.empty() && !plan_.beginnings.late_events.empty())
    report.late_events = "in an earlier run: " + plan_.beginnings.late_events;
}

void Closing::describe_range(Report& report) const {
  report.events_in_range = plan_.events_in_range;
  report.events_in_range_estimated = plan_.estimated;
}

void Closing::report_warnings(Report& report) const {
  report.warnings.insert(report.warnings.begin(), warnings_.begin(), warnings_.end());
  report.warnings.insert(report.warnings.begin(), plan_.warnings.begin(), plan_.warnings.end());
}

}  // namespace rebuild_projection

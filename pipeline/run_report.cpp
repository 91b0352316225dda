#include "pipeline/run_report.h"

#include <spdlog/spdlog.h>

#include <new>
#include <utility>

#include "pipeline/limits.h"

namespace rebuild_projection {

RunReport::RunReport(const RunOptions& options, const std::vector<RunProjector>& projectors, Progress& progress)
    : options_(options), projectors_(projectors), progress_(progress) {
  for (const RunProjector& one : projectors) {
    Report::Projection projection;
    projection.name = one.projector->name();
    projection.table = one.projector->table().name;
    projection.version = one.projector->version();
    report_.projections.push_back(std::move(projection));
  }
}

void RunReport::count(const Batch& batch, const Committed& committed, const EventTypes& types) {
  for (std::size_t index = 0; index < projectors_.size(); ++index) {
    Report::Projection& total = report_.projections[index];
    const Batch::Projection& part = batch.projections[index];
    const Committed::Projection& done = committed.projections[index];
    total.applied += part.applied - done.refused.size();
    total.ignored += part.ignored;
    total.already_there += part.already_there;
    for (const auto* letters : {&part.skipped, &done.refused})
      for (const DeadLetter& letter : *letters) skip(total, letter);
    total.rows_written += done.rows_written;
    total.rows_deleted += done.rows_deleted;
    report_.spilled_bytes += part.changes.spilled_bytes();
    progress_.errors += part.skipped.size() + done.refused.size();
  }
  types.add_to(report_.events_by_type);
  if (!report_.first_position) report_.first_position = batch.first_position;
  report_.last_position = batch.last_position;
  report_.last_event_id = batch.last_event_id;
  report_.events_read += batch.events;
  ++report_.batches;
  progress_.events_done = report_.events_read;
  progress_.batches = report_.batches;
}

void RunReport::skip(Report::Projection& total, const DeadLetter& letter) {
  ++total.skipped;
  if (total.dead_letters.size() < limits::skipped_kept_max) total.dead_letters.push_back(letter);
  ++logged_;
  if (options_.mode == Mode::verify || logged_ <= limits::skipped_logged_max)
    spdlog::warn("{}; skipped", sentence(total.name, letter, letter.error));
  else if (logged_ == limits::skipped_logged_max + 1)
    spdlog::warn("further events that are skipped are not logged");
}

void RunReport::roll_back(const std::string& projection, std::uint64_t events, const EventTypes& types) {
  types.add_to(report_.events_by_type);
  report_.events_read += events;
  for (Report::Projection& total : report_.projections) {
    const std::uint64_t to_blame = total.name == projection ? 1 : 0;
    total.errors += to_blame;
    total.rolled_back += events - to_blame;
  }
}

void RunReport::end(Ending ending, const std::string& detail) {
  ended_ = true;
  report_.ending = ending;
  report_.ending_detail = detail;
}

Report RunReport::finish(Ending unless_ended, std::uint64_t batches_closed_early, std::chrono::duration<double> took) {
  if (!ended_) report_.ending = unless_ended;
  report_.seconds = took;
  report_.mode = options_.mode;
  report_.batch_events = options_.batch_events;
  report_.tokens = options_.tokens;
  report_.workers = options_.workers;
  report_.readers = options_.readers;
  report_.batches_closed_early = batches_closed_early;
  report_.stage_threads = {options_.readers, options_.workers, static_cast<unsigned>(projectors_.size()), 1};
  for (std::size_t stage = 0; stage < all_stages.size(); ++stage)
    report_.busy_seconds[stage] = static_cast<double>(progress_.busy_nanoseconds[stage].load()) * 1e-9;
  if (report_.events_read == 0) return std::move(report_);  // no type occurred, which says nothing about the files
  for (std::size_t index = 0; index < projectors_.size(); ++index)
    for (const std::string& type : projectors_[index].projector->event_types())
      if (!report_.events_by_type.contains(type)) report_.projections[index].types_never_seen.push_back(type);
  return std::move(report_);
}

std::string cause_of(const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const std::bad_alloc&) {
    return "out of memory; lower --max-memory, --tokens or --batch-size";
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown error";
  }
}

std::string sentence(const std::string& projection, const DeadLetter& event, const std::string& cause) {
  return (projection.empty() ? "" : "projection " + projection + ", ") + "event " + event.event_id + " at " +
         to_string(event.position) + ": " + cause;
}

}  // namespace rebuild_projection

#include "stages/scope.h"

#include <spdlog/spdlog.h>

#include <limits>
#include <optional>
#include <utility>

#include "pipeline/callback.h"
#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "stages/replay.h"
#include "stages/scoped_projector.h"
#include "stages/touched_rows.h"

namespace rebuild_projection {

namespace {

/// Streams that one condition lists at the most: beyond, it costs more than it saves.
constexpr std::size_t listed_streams_max = 100'000;
/// The events of some streams are sorted by the server in one go. That pays where they are so small a part of all.
constexpr std::uint64_t narrow_share = 4;

std::vector<TouchedRows> find_touched_rows(const Preparation& prepared, const Plan& plan, const std::stop_token& stop) {
  Options options = prepared.options;
  options.mode = Mode::apply;
  options.batch_events = std::numeric_limits<std::uint64_t>::max();
  const std::vector<const Projector*> projectors = projectors_of(prepared.selected);
  TouchedRowsSink sink(projectors.size(), options.memory_bytes_max);
  Progress progress;
  const Report report = replay_events(options, prepared.store, projectors, {.how = plan.reading(), .range = plan.range},
                                      &sink, progress, stop);
  if (report.ending == Ending::cancelled) throw Cancelled("stopped while the touched rows were looked for");
  if (report.ending == Ending::failed)
    throw RunError("while the touched rows were looked for: " + report.ending_detail + "; nothing was changed");
  return sink.take();
}

/// A condition that every event satisfies which may touch one of the rows; nullopt where none is known that is of use.
std::optional<std::string> streams_of(const Preparation& prepared, const std::vector<TouchedRows>& rows) {
  std::string conditions;
  std::size_t streams = 0;
  for (std::size_t index = 0; index < rows.size(); ++index) {
    if (rows[index].size() == 0) continue;
    const auto& selected = prepared.selected[index];
    const auto part = call_back("projection " + selected.projector->name() + ", stream_key_part()",
                                [&] { return selected.projector->stream_key_part(); });
    if (!part || (streams += rows[index].size()) > listed_streams_max) return std::nullopt;
    const TableLayout& table = selected.projector->table();
    const auto condition = prepared.store.stream_condition(rows[index].values(table, *part),
                                                           selected.table.find(table.key[*part].name)->base_oid);
    if (!condition) return std::nullopt;
    conditions += (conditions.empty() ? "" : " OR ") + *condition;
  }
  return "(" + conditions + ")";
}

}  // namespace

void narrow_to_touched_rows(Preparation& prepared, Plan& plan, const std::stop_token& stop) {
  const std::string since = std::to_string(plan.events_in_range) + " events (" + plan.range.text + ")";
  std::vector<TouchedRows> rows(prepared.selected.size());
  if (plan.events_in_range > 0) {
    spdlog::info("looking for the rows that {} touch", since);
    rows = find_touched_rows(prepared, plan, stop);
  }
  EventRange all;
  all.last = plan.range.last;
  std::size_t touched = 0;
  for (const TouchedRows& of_projection : rows) touched += of_projection.size();
  all.text = std::to_string(touched) + (touched == 1 ? " row that " : " rows that ") + since +
             " touch, each from its beginning, out of ";
  if (touched == 0) {
    all.where.emplace_back("false");
    all.text += "no events";
    plan.range = std::move(all);
    plan.events_in_range = 0;
    for (Beginning& beginning : plan.beginnings.of) beginning.clears = false;
    return;
  }
  plan.events_in_range = prepared.store.count(*prepared.source_session, all);
  bool narrow = false;
  if (const auto condition = streams_of(prepared, rows)) {
    EventRange few = all;
    few.where.push_back(*condition);
    const auto events = count_of_some(prepared, few);
    narrow = events && *events <= plan.events_in_range / narrow_share;
    if (narrow) {
      all = std::move(few);
      plan.events_in_range = *events;
      plan.indexed = false;  // by the order's index every event would be looked at
    }
  }
  all.text += std::to_string(plan.events_in_range) + (narrow ? " events of their streams" : " events, which is all");
  plan.range = std::move(all);
  std::vector<std::string> mistakes;
  for (std::size_t index = 0; index < rows.size(); ++index) {
    SelectedProjection& selected = prepared.selected[index];
    plan.beginnings.of[index].touched_rows = rows[index].size();
    prepared.options.memory_bytes_max -= rows[index].bytes();
    auto scoped =
        std::make_unique<ScopedProjector>(std::move(selected.projector), std::move(rows[index]), selected.table);
    const auto lost = columns_lost_with(*prepared.target_session, scoped->touched(), scoped->table(), selected.table);
    if (!lost.empty())
      mistakes.push_back("projection " + scoped->name() + ": the touched rows of " + selected.table.schema + "." +
                         selected.table.name +
                         " hold what no rule writes, which deleting them would lose, in the columns " + joined(lost) +
                         "; rebuild the whole table with --strategy shadow, which keeps it");
    selected.projector = std::move(scoped);
  }
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
}

std::optional<std::uint64_t> count_of_some(const Preparation& prepared, const EventRange& some) {
  try {
    return prepared.store.count(*prepared.source_session, some);
  } catch (const SqlError& error) {
    if (!error.blames_row_read()) throw;
    return std::nullopt;
  }
}

}  // namespace rebuild_projection

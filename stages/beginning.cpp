#include "stages/beginning.h"

#include <algorithm>
#include <utility>

#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "stages/commit/own_clear.h"
#include "stages/commit/shadows.h"
#include "stages/commit/side_table.h"
#include "stages/commit/unwritten_columns.h"

namespace rebuild_projection {

namespace {

/// Why the store is not the one that the checkpoint was made from, however it is described; "" where it is.
std::string store_mistake(const EventStore& store, Session& source, const Checkpoint& checkpoint) {
  const auto id = store.event_id_at(source, checkpoint.position);
  const std::string at = "the event " + checkpoint.last_event_id + " at " + to_string(checkpoint.position);
  if (id && *id == checkpoint.last_event_id) {
    const auto first = store.first(source, {});
    if (!first)
      return store.file().horizon.empty() ? "the store's events went while they were looked at"
                                          : "the store's horizon hides every event, as after a restore into a cluster "
                                            "whose transaction ids are lower";
    if (first == checkpoint.first_position) return "";
    return "the store's first event was at " + to_string(checkpoint.first_position) + " and is now at " +
           to_string(*first) + ", so events came or went before the checkpoint";
  }
  if (id)
    return "at " + to_string(checkpoint.position) + " the store has another event than " + checkpoint.last_event_id;
  const auto last = store.last(source, {});
  EventRange later;
  later.after = checkpoint.position;
  if (!last || !store.first(source, later))
    return "its checkpoint lies beyond the store, which ends at " + (last ? to_string(*last) : "no event") +
           ": was it restored or truncated?";
  return "the store no longer has " + at + ", where it stopped";
}

/// Why the rows that a checkpoint speaks of cannot be what it says, a clause; "" where they can.
std::string rows_mistake(const Preparation& prepared, const SelectedProjection& selected) {
  if (!prepared.options.in_shadow())
    return selected.table.unlogged.empty() ? ""
                                           : "its table is unlogged (" + joined(selected.table.unlogged) +
                                                 "), and may have been emptied by a crash that its checkpoint survived";
  const auto shadow = find_shadow(*prepared.target_session, prepared.options.meta_schema, selected.table);
  if (!shadow) return "its shadow is gone";
  return side_table_mistake(selected.table, selected.projector->table(), *shadow);
}

/// Every reason why a rebuild of the projection cannot go on at its checkpoint; "" where it can.
std::string resume_mistake(const Preparation& prepared, const SelectedProjection& selected,
                           const Checkpoint& checkpoint) {
  std::vector<std::string> reasons = checkpoint.differences;
  if (checkpoint.partial) reasons.emplace_back("it was replayed in part, or without clearing");
  if (reasons.empty())
    if (std::string mistake = rows_mistake(prepared, selected); !mistake.empty()) reasons.push_back(std::move(mistake));
  if (reasons.empty())  // the store can be asked
    if (std::string mistake = store_mistake(prepared.store, *prepared.source_session, checkpoint); !mistake.empty())
      reasons.push_back(std::move(mistake));
  if (reasons.empty()) return "";
  return "projection " + selected.projector->name() + " cannot go on at its checkpoint: " + joined(reasons) +
         (prepared.options.in_shadow() ? "; drop its shadow and start over by --discard"
                                       : "; rebuild it from the beginning, without --resume");
}

Beginning begin_without_checkpoint(const Options& options) {
  Beginning beginning;
  beginning.clears = options.clears();
  beginning.how = beginning.clears && options.from_beginning() ? Checkpoints::Begin::over : Checkpoints::Begin::partial;
  return beginning;
}

std::string repeat_mistake(const Projector& projector) {
  const std::string& reason = projector.not_repeatable();
  if (reason.empty()) return "";
  return "projection " + projector.name() + " cannot be replayed without clearing: " + reason +
         " is not repeatable, and would be applied again to rows that already hold these events; rebuild from the "
         "beginning, or pass --clear always, which throws the rows away that the replay does not recreate";
}

/// Why the rows cannot be cleared and made again by the events, a sentence; "" where they can. Whose rows are whose in
/// a table that a projection shares is for its own clear() to say.
std::string loss_mistake(const Preparation& prepared, const SelectedProjection& selected) {
  const Options& options = prepared.options;
  if (options.mode == Mode::verify || options.in_shadow() || options.scope == Scope::touched ||
      options.clear == Clear::always || has_own_clear(*selected.projector))
    return "";
  const auto lost = columns_lost_with(*prepared.target_session, {}, selected.projector->table(), selected.table);
  if (lost.empty()) return "";
  return "projection " + selected.projector->name() + ": rows of " + selected.table.schema + "." + selected.table.name +
         " hold what no rule writes, which clearing would lose, in the columns " + joined(lost) +
         "; rebuild with --strategy shadow, which keeps it, or pass --clear always to lose it";
}

/// The stretches that different checkpoints cut the store into.
void cut(Beginnings& beginnings, const Preparation& prepared) {
  std::vector<Position> positions;
  bool from_beginning = false;
  for (const Beginning& beginning : beginnings.of) {
    if (beginning.after)
      positions.push_back(*beginning.after);
    else
      from_beginning = true;
  }
  if (positions.empty()) return;
  positions = prepared.store.in_order(*prepared.source_session, positions);
  if (!from_beginning && !positions.empty()) {
    beginnings.after = positions.front();
    positions.erase(positions.begin());
  }
  for (Beginning& beginning : beginnings.of) {
    if (!beginning.after || beginning.after == beginnings.after) continue;
    const auto end = std::ranges::find(positions, *beginning.after);
    if (end == positions.end())
      throw UsageError("the event at " + to_string(*beginning.after) + " went while it was looked at; try again");
    beginning.first_stretch = 1 + static_cast<std::size_t>(end - positions.begin());
  }
  beginnings.stretch_ends = std::move(positions);
}

}  // namespace

Beginnings find_beginnings(const Preparation& prepared) {
  const Options& options = prepared.options;
  if ((options.resume || options.in_shadow()) && prepared.store.file().per_stream)
    throw UsageError(
        "the store " + prepared.store.file().name +
        " orders events within their streams only (per_stream), so new ones come before a checkpoint as well "
        "as after it, and nothing can be resumed or caught up with; rebuild from the beginning, in place, without "
        "--resume");
  std::vector<std::optional<Checkpoint>> found(prepared.selected.size());
  if (options.resume) found = prepared.checkpoints.load(*prepared.target_session);

  const bool beside_shadows = options.in_shadow() && !options.discard;
  const auto shadows =
      beside_shadows ? Checkpoints::overview(*prepared.target_session, options.meta_schema, Checkpoints::Of::shadows)
                     : std::vector<Checkpoints::Overview>{};
  Beginnings beginnings;
  std::vector<std::string> mistakes;
  for (std::size_t index = 0; index < prepared.selected.size(); ++index) {
    const SelectedProjection& selected = prepared.selected[index];
    Beginning beginning = begin_without_checkpoint(options);
    std::string mistake;
    if (options.in_shadow())
      mistake = left_by_another_role(*prepared.target_session, options.meta_schema, selected.table);
    if (mistake.empty() && beside_shadows)
      mistake = shadow_in_the_way(*prepared.target_session, shadows, options.meta_schema, selected.projector->name(),
                                  selected.table, options.resume);
    if (!mistake.empty()) {
      mistakes.push_back(std::move(mistake));
      continue;
    }
    if (const auto& checkpoint = found[index]) {
      mistake = resume_mistake(prepared, selected, *checkpoint);
      beginning = {Checkpoints::Begin::resumed, false, checkpoint->position, checkpoint->events, 0, {}};
      if (beginnings.late_events.empty()) beginnings.late_events = checkpoint->late_events;
    } else {
      mistake = beginning.clears ? loss_mistake(prepared, selected) : repeat_mistake(*selected.projector);
    }
    if (!mistake.empty()) mistakes.push_back(std::move(mistake));
    beginnings.of.push_back(std::move(beginning));
  }
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
  cut(beginnings, prepared);
  return beginnings;
}

}  // namespace rebuild_projection

#include "stages/plan.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "pipeline/callback.h"
#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/commit/target_locks.h"
#include "stages/live_position.h"
#include "stages/range_end.h"
#include "stages/store_behind.h"

namespace rebuild_projection {

std::uint64_t Plan::events(const Options& options) const {
  return options.max_events == 0 ? events_in_range : std::min(options.max_events, events_in_range);
}

Replay::Reading Plan::reading() const {
  if (!range.last) return Replay::Reading::nothing;
  return indexed ? Replay::Reading::page_by_page : Replay::Reading::at_once;
}

namespace {

void warn(Plan& plan, const std::string& text) {
  spdlog::warn("{}", text);
  plan.warnings.push_back(text);
}

void lock_tables(Plan& plan, const Preparation& prepared) {
  lock_targets(*prepared.target_session, tables_of(prepared.selected), prepared.options.lock_timeout);
  for (const auto& selected : prepared.selected)
    if (!selected.table.unlogged.empty())
      warn(plan, "table " + selected.table.schema + "." + selected.table.name +
                     " is unlogged: a crash of the server empties it, and it must then be rebuilt from the beginning");
}

std::uint64_t rows_of(const CatalogueTable& table, Session& session) {
  return session.execute("SELECT count(*) FROM " + quote_name(table.schema, table.name)).number(0, 0);
}

/// Clearing without anything to replay is hardly what was meant.
void refuse_empty_range(const Plan& plan, const Preparation& prepared) {
  if (plan.events_in_range > 0 || prepared.options.clear == Clear::always || prepared.options.scope == Scope::touched)
    return;
  for (std::size_t index = 0; index < prepared.selected.size(); ++index) {
    if (!plan.beginnings.of[index].clears) continue;
    const CatalogueTable& table = prepared.selected[index].table;
    if (const std::uint64_t rows = rows_of(table, *prepared.target_session); rows > 0)
      throw UsageError("there are no events in range (" + plan.range.text + "), and the " + std::to_string(rows) +
                       " rows of " + table.schema + "." + table.name +
                       " would be lost; nothing was changed; --clear always clears them all the same");
  }
}

}  // namespace

void find_skipped_before(Plan& plan, const Preparation& prepared) {
  const Options& options = prepared.options;
  const bool verifies = options.mode == Mode::verify;
  plan.skipped_before.assign(prepared.selected.size(), 0);
  if (!verifies && !options.resume) return;
  const auto of = options.in_shadow() ? Checkpoints::Of::shadows : Checkpoints::Of::live;
  const std::string table = Checkpoints::dead_letters(options.meta_schema, of);
  const auto recorded = Checkpoints::recorded(*prepared.target_session, options.meta_schema, of);
  if (!recorded)
    return warn(plan,
                "whether events were skipped when the rows were built is not known: this role may not read " + table);
  for (std::size_t index = 0; index < prepared.selected.size(); ++index) {
    const std::string& name = prepared.selected[index].projector->name();
    const auto found = recorded->find(name);
    if (found == recorded->end() || (!verifies && !plan.beginnings.of[index].after)) continue;
    plan.skipped_before[index] = found->second;
    warn(plan, "projection " + name + ": " + std::to_string(found->second) +
                   (found->second == 1 ? " event was" : " events were") +
                   " skipped when its rows were built, as is recorded in " + table +
                   (verifies ? "; the rows need not be as all events say"
                             : "; --resume does not bring them back, a rebuild from the beginning does"));
  }
}

void announce(const Plan& plan, const Preparation& prepared) {
  auto say = [&](const std::string& line) {
    if (prepared.options.announce) call_back("announce", [&] { prepared.options.announce(line); });
  };
  say("database " + prepared.target_session->where() + ", tables:");
  for (std::size_t index = 0; index < prepared.selected.size(); ++index) {
    const auto& selected = prepared.selected[index];
    const Beginning& beginning = plan.beginnings.of[index];
    say("  " + selected.table.schema + "." + selected.table.name + ": " +
        std::to_string(rows_of(selected.table, *prepared.target_session)) + " rows, " +
        (prepared.options.in_shadow() ? "rebuilt in a shadow, then published"
         : beginning.after            ? "go on after " + to_string(*beginning.after)
         : beginning.touched_rows     ? std::to_string(*beginning.touched_rows) + " touched rows deleted and rebuilt"
         : beginning.clears           ? "cleared and rebuilt"
                                      : "replayed onto, without clearing") +
        ", projection " + selected.projector->name());
  }
  say("events to replay: " + std::string(plan.estimated ? "about " : "") +
      std::to_string(plan.events(prepared.options)) + " (" + plan.range.text + ")");
}

void choose_range(Plan& plan, const Preparation& prepared) {
  const Options& options = prepared.options;
  EventRange& range = plan.range;
  range.text = "";
  auto say = [&](const std::string& part) { range.text += (range.text.empty() ? "" : ", ") + part; };
  if (options.from_event_id) {
    range.after = prepared.store.find(*prepared.source_session, *options.from_event_id);
    if (!range.after)
      throw UsageError("--from-event-id: the store has no event " + *options.from_event_id +
                       "; nothing was read or changed");
    say("after event " + *options.from_event_id);
  }
  if (!options.from_position.empty()) {
    range.after = prepared.store.read_position(*prepared.source_session, options.from_position, "--from-position");
    say("after position " + to_string(*range.after));
  }
  if (options.from_ts) {
    prepared.store.limit_ts(range, ">=", *options.from_ts);
    say("ts >= " + *options.from_ts);
  }
  if (options.to_ts) {
    prepared.store.limit_ts(range, "<", *options.to_ts);
    say("ts < " + *options.to_ts);
  }
  if (!options.to_position.empty()) {
    range.up_to = prepared.store.read_position(*prepared.source_session, options.to_position, "--to-position");
    say("up to " + to_string(*range.up_to));
  }
  if (!options.live_position.empty()) {  // which moves on
    range.up_to =
        live_position(*prepared.target_session, *prepared.source_session, prepared.store, options.live_position);
    say("up to the live projector's position");
  }
  if (options.resume) {
    range.after = plan.beginnings.after;
    say(range.after ? "after the checkpoint at " + to_string(*range.after) : "from the beginning");
  }
  if (range.text.empty()) say("all events");
}

namespace {

/// Of a range whose end is fixed.
bool has_gaps(const EventRange& range, const Preparation& prepared) {
  const Options& options = prepared.options;
  const EventStore& store = prepared.store;
  Session& session = *prepared.source_session;
  if (!range.last || store.ordered_by_ts() || options.scope == Scope::touched) return false;
  EventRange left_out;
  left_out.last = range.last;
  if (options.to_ts) {
    left_out.after = range.after;
    store.leave_out_ts(left_out, "<", *options.to_ts);
    if (store.has_event(session, left_out)) return true;
    left_out.where.clear();
  }
  if (!options.from_ts) return false;
  left_out.after = store.first(session, range);
  store.leave_out_ts(left_out, ">=", *options.from_ts);
  return store.has_event(session, left_out);
}

void mind_gaps(Plan& plan, const Preparation& prepared) {
  plan.has_gaps = has_gaps(plan.range, prepared);
  if (!plan.has_gaps || prepared.options.mode == Mode::verify) return;
  if (prepared.options.resume)
    throw UsageError(
        "--to-ts would leave out events that come, in the order of the store " + prepared.store.file().name +
        ", before others that are read, and no later run could go on after them; resume without --to-ts, or "
        "up to another time");
  for (Beginning& beginning : plan.beginnings.of) beginning.how = Checkpoints::Begin::partial;
}

}  // namespace

Plan make_plan(const Preparation& prepared, const std::stop_token& stop) {
  const bool applies = prepared.options.mode == Mode::apply;
  Plan plan;
  plan.warnings = prepared.warnings;
  if (applies) lock_tables(plan, prepared);
  refuse_store_that_is_behind(prepared);
  plan.beginnings = find_beginnings(prepared);
  find_skipped_before(plan, prepared);
  choose_range(plan, prepared);
  // Rows that are touched are rebuilt from all their events: the last of them need not be of the time that was given.
  const bool touched = prepared.options.scope == Scope::touched;
  EventRange range = plan.range;
  if (touched) range.where.clear();
  RangeEnd end = find_end(prepared.store, *prepared.source_session, prepared.options, range, plan.beginnings, stop);
  plan.range.last = end.last;
  plan.events_in_range = touched && end.last ? prepared.store.count(*prepared.source_session, plan.range) : end.events;
  plan.estimated = end.estimated;
  plan.indexed = end.indexed;
  plan.late_events = std::move(end.late_events);
  mind_gaps(plan, prepared);
  if (!plan.indexed && plan.events_in_range >= limits::unindexed_warning_events)
    warn(plan, unindexed_order(prepared.store));
  if (prepared.options.mode != Mode::verify) refuse_empty_range(plan, prepared);
  return plan;
}

}  // namespace rebuild_projection

#include "stages/plan.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/commit/target_checks.h"
#include "stages/live_position.h"
#include "stages/read/fence.h"

namespace rebuild_projection {

std::uint64_t Plan::events(const Options& options) const {
  return options.max_events == 0 ? events_in_range : std::min(options.max_events, events_in_range);
}

namespace {

void warn(Plan& plan, const std::string& text) {
  spdlog::warn("{}", text);
  plan.warnings.push_back(text);
}

void lock_tables(Plan& plan, const Preparation& prepared) {
  for (const auto& selected : prepared.selected) lock_target(*prepared.target_session, selected.table);
  for (const auto& selected : prepared.selected)
    if (selected.table.unlogged)
      warn(plan, "table " + selected.table.schema + "." + selected.table.name +
                     " is unlogged: a crash of the server empties it, and it must then be rebuilt from the beginning");
}

/// The end of the run is the last position that is there now.
void fix_end(Plan& plan, const Preparation& prepared, const std::stop_token& stop) {
  const EventStore& store = prepared.store;
  Session& session = *prepared.source_session;
  const auto in_snapshot = [&](const auto& look) {
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    look();
    session.execute("COMMIT");
  };
  in_snapshot([&] { plan.indexed = store.order_is_indexed(session); });
  in_snapshot([&] {
    store.refuse_null_positions(session);
    store.refuse_shared_positions(session, plan.range);
    plan.range.last = store.last(session, plan.range);
  });
  const bool anything_to_settle = plan.range.last || !plan.beginnings.late_events.empty();
  if (anything_to_settle && prepared.options.fence == Fence::automatic)
    wait_at_fence(store, session, prepared.options.fence_timeout, stop);
  if (const auto& end = plan.range.last ? plan.range.last : plan.range.after)
    plan.late_events = prepared.options.fence == Fence::off && store.file().horizon.empty()
                           ? "--fence off: no transaction was waited for"
                           : why_late_events_may_come(store, session, *end);
  in_snapshot([&] { plan.events_in_range = plan.range.last ? store.count(session, plan.range) : 0; });
  if (!plan.indexed && plan.events_in_range >= limits::unindexed_warning_events) warn(plan, unindexed_order(store));
}

std::uint64_t rows_of(const CatalogueTable& table, Session& session) {
  return session.execute("SELECT count(*) FROM " + quote_name(table.schema, table.name)).number(0, 0);
}

/// Clearing without anything to replay is hardly what was meant.
void refuse_empty_range(const Plan& plan, const Preparation& prepared) {
  if (plan.events_in_range > 0 || prepared.options.clear == Clear::always) return;
  for (std::size_t index = 0; index < prepared.selected.size(); ++index) {
    if (!plan.beginnings.of[index].clears) continue;
    const CatalogueTable& table = prepared.selected[index].table;
    if (const std::uint64_t rows = rows_of(table, *prepared.target_session); rows > 0)
      throw UsageError("there are no events in range (" + plan.range.text + "), and the " + std::to_string(rows) +
                       " rows of " + table.schema + "." + table.name +
                       " would be lost; nothing was changed; --clear always clears them all the same");
  }
}

void announce(const Plan& plan, const Preparation& prepared) {
  auto say = [&](const std::string& line) {
    if (prepared.options.announce) prepared.options.announce(line);
  };
  say("database " + prepared.target_session->where() + ", tables:");
  for (std::size_t index = 0; index < prepared.selected.size(); ++index) {
    const auto& selected = prepared.selected[index];
    const Beginning& beginning = plan.beginnings.of[index];
    say("  " + selected.table.schema + "." + selected.table.name + ": " +
        std::to_string(rows_of(selected.table, *prepared.target_session)) + " rows, " +
        (beginning.after    ? "go on after " + to_string(*beginning.after)
         : beginning.clears ? "cleared and rebuilt"
                            : "replayed onto, without clearing") +
        ", projection " + selected.projector->name());
  }
  say("events to replay: " + std::to_string(plan.events(prepared.options)) + " (" + plan.range.text + ")");
}

}  // namespace

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
  if (!options.live_position.empty()) {
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

Plan make_plan(const Preparation& prepared, const std::stop_token& stop) {
  const bool applies = prepared.options.mode == Mode::apply;
  Plan plan;
  if (applies) lock_tables(plan, prepared);
  plan.beginnings = find_beginnings(prepared);
  choose_range(plan, prepared);
  fix_end(plan, prepared, stop);
  if (prepared.options.mode != Mode::verify) refuse_empty_range(plan, prepared);
  if (applies) announce(plan, prepared);
  return plan;
}

}  // namespace rebuild_projection

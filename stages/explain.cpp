#include "stages/explain.h"

#include <algorithm>
#include <utility>

#include "pipeline/callback.h"
#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "pipeline/key.h"
#include "stages/scope.h"
#include "stages/store_behind.h"
#include "stages/traced_projector.h"
#include "stages/verification.h"

namespace rebuild_projection {

namespace {

constexpr const char* option = "--explain-row: ";

/// The values in the order of the table's key.
std::vector<std::string> values_of(const TableLayout& table, const std::vector<RowKeyPart>& given) {
  std::vector<std::string> names;
  for (const Column& column : table.key) names.push_back(column.name);
  if (names.size() == 1 && given.size() == 1 && given.front().column.value_or(names.front()) == names.front())
    return {given.front().value};
  std::vector<std::string> values;
  for (const std::string& name : names) {
    const auto named = [&](const RowKeyPart& part) { return part.column == name; };
    if (std::ranges::count_if(given, named) != 1) break;
    values.push_back(std::ranges::find_if(given, named)->value);
  }
  if (values.size() != names.size() || given.size() != names.size())
    throw UsageError(option + std::string("the key of ") + table.name + " is " + joined(names, "=…,") +
                     "=…, each column once; what holds a comma or = stands in double quotes");
  return values;
}

struct RowKey {
  std::string canonical;
  std::vector<std::string> values;  ///< as the server is to read them: a time without its offset would be another
};

RowKey row_key(const TableLayout& table, const std::vector<std::string>& values) {
  std::vector<Json> parts;
  for (const std::string& value : values) parts.push_back({Json::Kind::string, value});
  RowKey key;
  std::string spelling;
  try {
    append_key(table, parts, key.canonical, spelling);
  } catch (const EventError& error) {
    throw UsageError(option + std::string(error.what()));
  }
  for (std::size_t part = 0; part < values.size(); ++part)
    key.values.push_back(key_text(table, key.canonical, spelling, part));
  return key;
}

/// Plans to read what can touch the row, and no more.
Plan plan_for(const Preparation& prepared, const std::vector<std::string>& key, const std::stop_token& stop) {
  const Projector& projector = *prepared.selected.front().projector;
  const EventStore& store = prepared.store;
  EventRange few;
  if (!projector.handles_every_type()) store.limit_types(few, projector.event_types());
  bool one_stream = false;
  if (const auto part = call_back("projection " + projector.name() + ", stream_key_part()",
                                  [&] { return projector.stream_key_part(); })) {
    const CatalogueColumn* column = prepared.selected.front().table.find(projector.table().key[*part].name);
    const auto condition = store.stream_condition({key[*part]}, column->base_oid);
    if (condition) few.where.push_back(*condition);
    one_stream = condition && count_of_some(prepared, few);
  }
  Plan plan;
  plan.warnings = prepared.warnings;
  if (one_stream) {  // they are read at once, in the snapshot of the comparison
    refuse_store_that_is_behind(prepared);
    store.refuse_null_positions(*prepared.source_session);
    find_skipped_before(plan, prepared);
    choose_range(plan, prepared);
  } else {
    plan = make_plan(prepared, stop);
  }
  EventRange narrow = plan.range;
  narrow.where.insert(narrow.where.end(), few.where.begin(), few.where.end());
  if (!narrow.last) {  // nothing else to count: of one stream it was done
    plan.range = std::move(narrow);
  } else if (const auto events = count_of_some(prepared, narrow)) {
    plan.range = std::move(narrow);
    plan.events_in_range = *events;
  }
  return plan;
}

}  // namespace

namespace {

Report explain(const Options& options, const ProjectorRegistry& registry, const std::vector<RowKeyPart>& key,
               std::stop_token stop) {
  std::optional<TracedProjector> traced;
  RowHistory history;
  std::optional<Verification> run;
  try {
    Preparation prepared = prepare(options, registry, stop);
    if (prepared.selected.size() != 1)
      throw UsageError(option + std::string("a row belongs to one projection; name one with --projection"));
    const TableLayout& table = prepared.selected.front().projector->table();
    const std::vector<std::string> given_values = values_of(table, key);
    for (std::size_t part = 0; part < given_values.size(); ++part)
      history.key.emplace_back(table.key[part].name, given_values[part]);
    const RowKey row = row_key(table, given_values);
    traced.emplace(*prepared.selected.front().projector, row.canonical, options.show_values);
    Plan plan = plan_for(prepared, row.values, stop);
    if (options.progress != nullptr) options.progress->events_total = plan.events(options);
    run.emplace(std::move(prepared), std::move(plan), std::move(stop), Verification::Row{row.values, &*traced});
    run->set_up();
  } catch (const SqlError& error) {
    throw refused_check(error);
  }
  Report report = run->go();
  if (report.skipped() > 0)  // one of these events may touch the row: no verdict
    for (Report::Projection& projection : report.projections) projection.comparison.reset();
  history.events = traced->events();
  report.history = std::move(history);
  return report;
}

}  // namespace

Report explain_row(const Options& given, const ProjectorRegistry& registry, const std::vector<RowKeyPart>& key,
                   std::stop_token stop) {
  Options options = given;
  options.mode = Mode::verify;
  try {
    return explain(options, registry, key, std::move(stop));
  } catch (const CallbackError& error) {
    return failed_before_the_first_event(options, error);
  }
}

}  // namespace rebuild_projection

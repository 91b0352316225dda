#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/summary.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

using Tree = nlohmann::ordered_json;

Tree values_json(const std::vector<std::string>& names, const std::vector<Drift::Text>& values) {
  Tree result = Tree::object();
  for (std::size_t i = 0; i < values.size(); ++i) result[names[i]] = values[i] ? Tree(*values[i]) : Tree(nullptr);
  return result;
}

Tree dead_letters_json(const std::vector<DeadLetter>& letters) {
  Tree result = Tree::array();
  for (const DeadLetter& letter : letters)
    result.push_back({{"event_id", letter.event_id}, {"position", letter.position}, {"error", letter.error}});
  return result;
}

/// Without a certificate where events were left out.
Tree comparison_json(const Comparison& c, bool certified) {
  Tree result{{"expected_rows", c.expected_rows},
              {"live_rows", c.live_rows},
              {"equal", c.equal},
              {"missing", c.missing},
              {"extra", c.extra},
              {"different", c.different},
              {"columns", Tree::object()},
              {"digest", certified ? c.digest : ""},
              {"live_digest", certified ? c.live_digest : ""},
              {"first", Tree::array()}};
  for (const Comparison::Column& column : c.columns) result["columns"][column.name] = column.rows;
  for (const Drift& drift : c.first) {
    Tree one{{"drift", name_of(drift.kind)}, {"key", values_json(c.key, drift.key)}};
    if (drift.kind == Drift::Kind::different) one["columns"] = drift.columns;
    if (!drift.expected.empty()) one["expected"] = values_json(drift.columns, drift.expected);
    if (!drift.live.empty()) one["live"] = values_json(drift.columns, drift.live);
    result["first"].push_back(std::move(one));
  }
  return result;
}

Tree history_json(const RowHistory& history) {
  Tree result{{"key", Tree::object()}, {"events", Tree::array()}};
  for (const auto& [column, value] : history.key) result["key"][column] = value;
  for (const RowEvent& event : history.events) {
    Tree columns = Tree::array();
    for (const RowEvent::Column& column : event.columns) {
      columns.push_back({{"column", column.name}, {"operation", column.operation}});
      if (column.value) columns.back()["value"] = *column.value;
    }
    result["events"].push_back({{"event_id", event.event_id},
                                {"position", event.position},
                                {"type", event.type},
                                {"row", name_of(event.effect)},
                                {"columns", columns}});
  }
  return result;
}

}  // namespace

std::string summary_json(const Report& r, int exit_code) {
  Tree json;
  json["program"] = {{"name", "rebuild_projection"}, {"version", REBUILD_PROJECTION_VERSION}};
  json["mode"] = mode_name(r.mode);
  json["database"] = r.database;
  json["store"] = r.store;
  json["range"] = r.range;
  json["batch_size"] = r.batch_events;
  json["tokens"] = r.tokens;
  json["workers"] = r.workers;
  json["readers"] = r.readers;

  json["ending"] = name_of(r.ending);
  json["ending_detail"] = r.ending_detail;
  json["exit_code"] = exit_code;
  json["events_in_range"] = r.events_in_range;
  json["events_in_range_estimated"] = r.events_in_range_estimated;
  json["events_read"] = r.events_read;
  json["bytes_read"] = r.bytes_read;
  json["events_by_type"] = Tree::object();
  for (const auto& [type, count] : r.events_by_type) json["events_by_type"][type] = count;
  json["batches"] = r.batches;
  json["batches_closed_early"] = r.batches_closed_early;
  json["spilled_bytes"] = r.spilled_bytes;
  json["retries"] = r.retries;
  json["late_events"] = r.late_events;
  json["seconds"] = r.seconds.count();
  json["events_per_second"] = r.events_per_second();
  json["first_position"] = r.first_position ? Tree(*r.first_position) : Tree(nullptr);
  json["last_position"] = r.last_position ? Tree(*r.last_position) : Tree(nullptr);
  json["last_event_id"] = r.last_position ? Tree(r.last_event_id) : Tree(nullptr);

  json["projections"] = Tree::array();
  for (const Report::Projection& p : r.projections) {
    json["projections"].push_back({{"name", p.name},
                                   {"table", p.table},
                                   {"version", p.version},
                                   {r.mode == Mode::dry_run ? "would_apply" : "applied", p.applied},
                                   {"ignored", p.ignored},
                                   {"already_there", p.already_there},
                                   {"skipped", p.skipped},
                                   {"errors", p.errors},
                                   {"rolled_back", p.rolled_back},
                                   {"rows_written", p.rows_written},
                                   {"rows_deleted", p.rows_deleted},
                                   {"rows_cleared", p.rows_cleared},
                                   {"types_never_seen", p.types_never_seen}});
    if (!p.dead_letters.empty()) json["projections"].back()["dead_letters"] = dead_letters_json(p.dead_letters);
    if (p.skipped_before > 0) json["projections"].back()["skipped_before"] = p.skipped_before;
    if (r.published && p.publication)
      json["projections"].back()["publication"] = {{"inserted", p.publication->inserted},
                                                   {"updated", p.publication->updated},
                                                   {"deleted", p.publication->deleted},
                                                   {"equal", p.publication->equal}};
    if (p.comparison) json["projections"].back()["comparison"] = comparison_json(*p.comparison, p.left_out() == 0);
  }
  if (r.shadow)
    json["shadow"] = {{"published", r.published},
                      {"position", r.published_position ? Tree(*r.published_position) : Tree(nullptr)},
                      {"catch_up_rounds", r.catch_up_rounds},
                      {"tries", r.publish_tries},
                      {"locked_seconds", r.locked_seconds.count()}};
  if (r.history) json["explained"] = history_json(*r.history);
  json["stages"] = Tree::array();
  for (const Stage stage : all_stages) {
    const auto index = static_cast<std::size_t>(stage);
    json["stages"].push_back({{"name", name_of(stage)},
                              {"threads", r.stage_threads[index]},
                              {"busy_seconds", r.busy_seconds[index]},
                              {"occupancy", r.occupancy(stage)}});
  }
  json["bottleneck"] = r.occupancy(r.bottleneck()) > 0 ? Tree(name_of(r.bottleneck())) : Tree(nullptr);
  json["warnings"] = r.warnings;
  constexpr int indent = 2;
  return json_printable(json.dump(indent, ' ', false, Tree::error_handler_t::replace)) + '\n';
}

}  // namespace rebuild_projection

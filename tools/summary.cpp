#include "tools/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "tools/comparison_text.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

constexpr std::size_t types_shown_max = 20;
constexpr std::size_t skipped_shown_max = 20;
constexpr std::size_t label_columns = 12;

/// "label       value"; further lines of the value stand below its first one.
void add_line(std::string& out, std::string_view label, std::string_view value) {
  for (bool first = true; first || !value.empty(); first = false) {
    const std::size_t end = std::min(value.find('\n'), value.size());
    out += pad_right(first ? label : "", label_columns) + ' ' + printable(value.substr(0, end)) + '\n';
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

/// Nobody writes down a number as large as the one that stands for no limit.
std::string batches_of(const Report& r) {
  constexpr std::uint64_t all_events = std::uint64_t{1} << 40;
  return r.batch_events >= all_events ? "one batch" : "batches of " + counted(r.batch_events, "event", "events");
}

void add_run(std::string& out, const Report& r) {
  add_line(out, "mode", mode_name(r.mode));
  add_line(out, "database", r.database);
  add_line(out, "store", r.store);
  add_line(out, "range", r.range);
  add_line(out, "settings",
           batches_of(r) + ", " + counted(r.tokens, "token", "tokens") + ", " +
               counted(r.workers, "worker", "workers") + ", " + counted(r.readers, "reader", "readers"));
}

std::string verdict(const Report& r) {
  for (const Report::Projection& p : r.projections)
    if (!p.comparison) return "none: the tables were not compared";
  const std::string left_out = counted(r.left_out(), "event was", "events were") + " left out";
  if (r.drifted() == 0 && r.left_out() > 0) return "none: " + left_out + ", so the rows are not as all events say";
  if (r.drifted() == 0) return "equal: every row is as the events say";
  if (r.left_out() > 0)
    return "drift: " + counted(r.drifted(), "row is not", "rows are not") + " as the events say, and " + left_out;
  return "drift: " + counted(r.drifted(), "row is not", "rows are not") + " as the events say";
}

std::string seconds_text(std::chrono::duration<double> time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", time.count());
  return text.data();
}

std::string published(const Report& r) {
  if (!r.published) return "no: the live tables are as they were";
  const std::string position = r.published_position ? "up to " + to_string(*r.published_position) : "no event";
  return position + "\nafter " + counted(r.catch_up_rounds, "round", "rounds") +
         " of catching up; writers were kept out for " + seconds_text(r.locked_seconds);
}

void add_outcome(std::string& out, const Report& r) {
  std::string ending(name_of(r.ending));
  if (r.skipped() > 0) ending += ", " + counted(r.skipped(), "event", "events") + " skipped";
  if (r.ending == Ending::complete || r.ending == Ending::partial)
    ending += r.skipped() > 0 ? ": every other event in range was processed" : ": every event in range was processed";
  if (r.ending == Ending::partial) ending += "; the range leaves out events that come before others of it";
  if (r.ending == Ending::incomplete) ending += ": --max-events was reached first";
  if (r.ending == Ending::cancelled) ending += ": a signal stopped it";
  if (r.ending == Ending::failed)
    ending += ": " + (r.ending_detail.empty() ? "an error stopped it" : r.ending_detail);
  else if (!r.ending_detail.empty())
    ending += '\n' + r.ending_detail;
  add_line(out, "ended", ending);

  add_line(out, "events",
           with_commas(r.events_read) + " read of " + (r.events_in_range_estimated ? "about " : "") +
               with_commas(r.events_in_range) + " in range");
  if (r.mode == Mode::dry_run) add_line(out, "", "DRY_RUN would apply " + counted(r.events_read, "event", "events"));
  if (r.mode == Mode::verify) add_line(out, "verdict", verdict(r));
  add_line(out, "batches",
           with_commas(r.batches) + (r.batches_closed_early > 0
                                         ? " (" + with_commas(r.batches_closed_early) + " closed early by --max-memory)"
                                         : ""));
  if (r.spilled_bytes > 0)
    add_line(out, "",
             with_commas((r.spilled_bytes >> 20U) + 1) + " MiB of changes in temporary files, by --max-memory");
  add_line(out, "time", seconds_text(r.seconds) + ", " + rate_with_commas(r.events_per_second()) + " events a second");
  if (r.retries > 0)
    add_line(out, "retries", with_commas(r.retries) + " after lost connections, deadlocks and the like (see the log)");
  if (!r.late_events.empty())
    add_line(out, "late events", "not ruled out (" + r.late_events + "); so all events were counted once more");
  if (r.first_position) add_line(out, "first", to_string(*r.first_position));
  if (r.last_position) add_line(out, "last", to_string(*r.last_position));
  if (r.shadow) add_line(out, "published", published(r));
  if (r.mode == Mode::apply && r.ending == Ending::complete && r.last_position)
    add_line(out, "", "the application's projector continues after this position");
}

void add_projections(std::string& out, const Report& r) {
  if (r.projections.empty()) return;
  const bool applied = r.mode == Mode::apply;
  std::vector<std::vector<std::string>> rows{
      {"projection", "table", r.mode != Mode::dry_run ? "applied" : "would apply", "ignored", "skipped", "errors"}};
  const bool resumed = std::ranges::any_of(r.projections, [](const auto& p) { return p.already_there > 0; });
  if (resumed) rows[0].emplace_back("already there");
  if (applied) rows[0].insert(rows[0].end(), {"rolled back", "rows written", "deleted", "cleared"});
  for (const Report::Projection& p : r.projections) {
    rows.push_back({p.name, p.table, with_commas(p.applied), with_commas(p.ignored), with_commas(p.skipped),
                    with_commas(p.errors)});
    if (resumed) rows.back().push_back(with_commas(p.already_there));
    if (applied)
      for (const std::uint64_t n : {p.rolled_back, p.rows_written, p.rows_deleted, p.rows_cleared})
        rows.back().push_back(with_commas(n));
  }
  out += '\n';
  out += in_columns(rows, 2);
}

void add_publications(std::string& out, const Report& r) {
  std::vector<std::vector<std::string>> rows{{"published", "inserted", "updated", "deleted", "equal, not touched"}};
  for (const Report::Projection& p : r.projections) {
    if (!r.published || !p.publication) continue;
    const Publication& done = *p.publication;
    rows.push_back({p.table});
    for (const std::uint64_t n : {done.inserted, done.updated, done.deleted, done.equal})
      rows.back().push_back(with_commas(n));
  }
  if (rows.size() > 1) out += '\n' + in_columns(rows, 1);
}

/// The reasons are in the log, and in --summary.
void add_skipped(std::string& out, const Report& r) {
  if (r.skipped() == 0) return;
  std::vector<std::vector<std::string>> rows{{"skipped for", "event", "position"}};
  for (const Report::Projection& p : r.projections)
    for (const DeadLetter& letter : p.dead_letters)
      if (rows.size() <= skipped_shown_max) rows.push_back({p.name, letter.event_id, to_string(letter.position)});
  out += '\n' + in_columns(rows, rows.front().size());
  if (const std::uint64_t more = r.skipped() + 1 - rows.size(); more > 0)
    out += "  and " + with_commas(more) + " more (--summary)\n";
}

void add_types(std::string& out, const Report& r) {
  std::vector<std::pair<std::string, std::uint64_t>> types(r.events_by_type.begin(), r.events_by_type.end());
  std::stable_sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::vector<std::string>> rows{{"event type", "events"}};
  const std::size_t shown = types.size() > types_shown_max ? types_shown_max - 1 : types.size();
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i < shown)
      rows.push_back({types[i].first, with_commas(types[i].second)});
    else
      rest += types[i].second;
  }
  if (shown < types.size())
    rows.push_back({"(" + with_commas(types.size() - shown) + " other types)", with_commas(rest)});
  if (rows.size() > 1) {
    out += '\n';
    out += in_columns(rows, 1);
  }
  bool first = true;
  for (const Report::Projection& p : r.projections) {
    if (p.types_never_seen.empty()) continue;
    std::string names;
    for (const std::string& type : p.types_never_seen) names += (names.empty() ? "" : ", ") + printable(type);
    out += (first ? "\nTypes named by a projection that never occurred:\n  " : "  ") + printable(p.name) + ": " +
           names + '\n';
    first = false;
  }
}

void add_stages(std::string& out, const Report& r) {
  std::vector<std::vector<std::string>> rows{{"stage", "busy", "threads"}};
  for (const Stage stage : all_stages) {
    const unsigned threads = r.stage_threads[static_cast<std::size_t>(stage)];
    if (threads == 0) continue;
    const double share = r.occupancy(stage);
    rows.push_back(
        {std::string(name_of(stage)), std::to_string(std::lround(share * 100)) + '%', std::to_string(threads)});
    if (share > 0 && stage == r.bottleneck()) rows.back().back() += "  <- bottleneck";
  }
  if (rows.size() == 1) return;
  // The mark must not widen the column that is aligned right.
  for (auto& row : rows) {
    const std::size_t mark = row.back().find("  <-");
    const std::string digits = row.back().substr(0, mark);
    row.back() = pad_left(digits, rows[0].back().size()) + (mark == std::string::npos ? "" : row.back().substr(mark));
  }
  for (auto& row : rows) row[1] = pad_left(row[1], 4);
  out += '\n';
  out += in_columns(rows, 3);
}

}  // namespace

std::string_view mode_name(Mode mode) {
  return mode == Mode::apply ? "APPLY" : mode == Mode::verify ? "VERIFY" : "DRY_RUN";
}

std::string summary_text(const Report& report) {
  std::string out;
  add_run(out, report);
  out += '\n';
  add_outcome(out, report);
  add_projections(out, report);
  add_publications(out, report);
  out += comparison_text(report);
  add_skipped(out, report);
  add_types(out, report);
  add_stages(out, report);
  if (!report.warnings.empty()) out += "\nWarnings:\n";
  for (const std::string& warning : report.warnings) out += "  " + printable(warning) + '\n';
  return out;
}

}  // namespace rebuild_projection

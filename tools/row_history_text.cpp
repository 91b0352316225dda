#include "tools/row_history_text.h"

#include <vector>

#include "tools/comparison_text.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

/// "set customer, total; add paid", in the order of the columns.
std::string operations_text(const RowEvent& event) {
  std::string result;
  std::string last;
  for (const RowEvent::Column& column : event.columns) {
    result += column.operation == last ? ", " : (result.empty() ? "" : "; ") + column.operation + " ";
    result += column.name;
    if (column.value) result += " = " + *column.value;
    last = column.operation;
  }
  return result;
}

/// What of the row's history is missing above; then there is no verdict.
std::string ending_text(const Report& report) {
  const std::string detail = report.ending_detail.empty() ? "" : ": " + report.ending_detail;
  std::string text =
      "ended early: " + std::string(name_of(report.ending)) + detail + "; later events may touch the row";
  if (report.ending == Ending::complete)
    text = counted(report.skipped(), "event was", "events were") + " skipped, and may touch the row";
  return printable(text + "; no verdict: the live row was not compared") + '\n';
}

std::string warnings_text(const Report& report) {
  std::string out;
  for (const std::string& warning : report.warnings) out += "warning: " + printable(warning) + '\n';
  return out;
}

std::string verdict_text(const Comparison& comparison) {
  const bool expected = comparison.expected_rows > 0;
  if (comparison.drifted() == 0) return expected ? "is as the events say" : "is not there, as the events say";
  if (comparison.missing > 0) return "is missing";
  return comparison.extra > 0 ? "is there, and by the events it is not" : "differs";
}

}  // namespace

std::string row_history_text(const Report& report) {
  const Report::Projection& projection = report.projections.front();
  std::string out = "row " + printable(projection.table) + ": ";
  bool first = true;
  for (const auto& [column, value] : report.history->key) {
    out += (first ? "" : ", ") + printable(column) + " = " + printable(value);
    first = false;
  }
  out += "\nstore " + printable(report.store) + ", " + printable(report.range) + "\n\n";

  std::vector<std::vector<std::string>> rows{{"position", "event", "type", "row", "columns"}};
  for (const RowEvent& event : report.history->events)
    rows.push_back({to_string(event.position), event.event_id, event.type, std::string(name_of(event.effect)),
                    operations_text(event)});
  const bool ended_early = !projection.comparison;
  if (rows.size() == 1)
    out += ended_early ? "no event that was read touches this row\n" : "no event touches this row\n";
  else
    out += in_columns(rows, rows.front().size());
  if (ended_early) return out + '\n' + ending_text(report) + warnings_text(report);

  const Comparison& comparison = *projection.comparison;
  out += "\nby the events  the row is " + std::string(comparison.expected_rows > 0 ? "there" : "not there") + '\n';
  for (const auto& [column, value] : comparison.row)
    out += "               " + printable(column + " = " + value.value_or("NULL")) + '\n';
  out += "live           the row " + verdict_text(comparison) + '\n';
  for (const Drift& drift : comparison.first) out += drift_text(comparison, drift);
  return out + warnings_text(report);
}

}  // namespace rebuild_projection

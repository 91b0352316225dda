#include "tools/comparison_text.h"

#include <cstdint>
#include <vector>

#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

std::string key_text(const Comparison& comparison, const Drift& drift) {
  std::string result;
  for (std::size_t part = 0; part < drift.key.size(); ++part)
    result += (part == 0 ? "" : ", ") + comparison.key[part] + " = " + drift.key[part].value_or("NULL");
  return result;
}

std::string value_text(const Drift::Text& value) {
  return value ? "\"" + *value + "\"" : "NULL";
}

}  // namespace

std::string drift_text(const Comparison& comparison, const Drift& drift) {
  const std::string kind(name_of(drift.kind));
  std::string line = key_text(comparison, drift);
  if (drift.kind == Drift::Kind::different)
    for (std::size_t column = 0; column < drift.columns.size(); ++column) {
      line += (column == 0 ? ": " : ", ") + drift.columns[column];
      if (!drift.live.empty())
        line += " is " + value_text(drift.live[column]) + ", by its events " + value_text(drift.expected[column]);
    }
  return "  " + pad_right(kind, name_of(Drift::Kind::different).size()) + "  " + printable(line) + '\n';
}

std::string comparison_text(const Report& r) {
  std::string out;
  std::vector<std::vector<std::string>> rows{
      {"projection", "table", "rows by events", "equal", "missing", "extra", "different"}};
  std::vector<std::vector<std::string>> certificate{{"table", "rows by events", "digest (SHA-256)"}};
  for (const Report::Projection& p : r.projections) {
    if (!p.comparison) continue;
    const Comparison& c = *p.comparison;
    rows.push_back({p.name, p.table});
    for (const std::uint64_t n : {c.expected_rows, c.equal, c.missing, c.extra, c.different})
      rows.back().push_back(with_commas(n));
    if (p.left_out() > 0) continue;  // of rows that are not as all events say there is none
    certificate.push_back({p.table, with_commas(c.expected_rows), c.digest});
    if (c.drifted() > 0) certificate.push_back({"  as it is", with_commas(c.live_rows), c.live_digest});
  }
  if (rows.size() == 1) return out;
  out += '\n' + in_columns(rows, 2);
  if (certificate.size() > 1) {
    out += "\nCertificate: store " + printable(r.store) + ", " + counted(r.events_read, "event", "events");
    if (r.first_position)
      out += ", from " + printable(to_string(*r.first_position)) + " to " + printable(to_string(*r.last_position));
    out += '\n' + in_columns(certificate, 1);
  }
  for (const Report::Projection& p : r.projections) {
    if (!p.comparison || p.comparison->drifted() == 0) continue;
    const Comparison& c = *p.comparison;
    std::string columns;
    for (const Comparison::Column& column : c.columns)
      columns += (columns.empty() ? "; by column: " : ", ") + column.name + " " + with_commas(column.rows);
    out += "\nNot as the events say, in " + printable(p.table) + ": " + counted(c.drifted(), "row", "rows") +
           printable(columns) + '\n';
    for (const Drift& drift : c.first) out += drift_text(c, drift);
    if (c.first.size() < c.drifted())
      out += "  and " + with_commas(c.drifted() - c.first.size()) + " more (--drift-limit, --drift-file)\n";
  }
  return out;
}

}  // namespace rebuild_projection

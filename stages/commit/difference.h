#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/comparison.h"
#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Two tables with the columns of one projection, held against each other row by row: the live one, and one with the
/// rows that are expected. Compared are the columns that the projection writes, key and others, by column_equality.h.
/// All is asked of one session, in whatever transaction it is: one snapshot gives one answer. `layout` and `live`
/// outlive this.
class Difference {
 public:
  /// `expected` is a table's quoted name; its columns have the names and types of those of `live`.
  Difference(const TableLayout& layout, const CatalogueTable& live, std::string expected);

  /// Only the row of this key, a text for each of its columns, is looked at from now on.
  void only(std::vector<std::string> key) { only_ = std::move(key); }

  /// How many rows are the same and how many are not; no digests and no `first`. Reads both tables once.
  [[nodiscard]] Comparison count(Session& session) const;

  /// Calls `take` with the rows that are not the same, in the order of their keys, until it returns false. Without
  /// values where those of both sides are too many for a SELECT. The session must be in a transaction.
  void list(Session& session, bool show_values, const std::function<bool(Drift&&)>& take) const;

  /// The values of the row of only() as it is expected; empty where it is not.
  [[nodiscard]] std::vector<std::pair<std::string, Drift::Text>> expected_row(Session& session) const;

  /// SHA-256 over a table's rows, in hexadecimal: the same for the same rows on any server, whatever their order.
  [[nodiscard]] std::string expected_digest(Session& session) const { return digest(session, expected_); }
  [[nodiscard]] std::string live_digest(Session& session) const { return digest(session, live_name_); }

 private:
  [[nodiscard]] std::string side(const std::string& table) const;
  [[nodiscard]] std::string joined_sides() const;
  /// Whether a column of a row that is in both tables differs; not true where the row is not in both.
  [[nodiscard]] std::string differs(std::size_t column) const;
  [[nodiscard]] std::string any_differs() const;
  [[nodiscard]] std::string list_sql(bool show_values) const;
  [[nodiscard]] Drift read(const Rows& rows, std::size_t row, bool show_values) const;
  [[nodiscard]] std::string digest(Session& session, const std::string& table) const;

  std::string live_name_, expected_;  // quoted
  std::vector<const CatalogueColumn*> key_, columns_;
  std::vector<std::string> only_;
};

}  // namespace rebuild_projection

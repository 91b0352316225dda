#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/end_to_end/shapes/target_shape.h"

namespace rebuild_projection::test {

/// A shape of the event store that the story's events are read from. Its columns are n, id, ts, kind, stream and body,
/// of which n is there where it has a type. Texts of SQL and of the store file hold names in braces, as those of
/// TargetShape do: "{id}" is the name of that column, "{columns}" their definitions, "{order}" the columns of the
/// order, "{store}" the table.
struct SourceShape {
  std::string name;  ///< of the test: letters, digits and underscores
  std::string make = "CREATE TABLE {store} ({columns}, PRIMARY KEY ({order}))";
  /// What differs from the usual types; the names of columns; SQL over oracle.log that gives a column's value, or ""
  /// for a column that makes its own.
  std::map<std::string, std::string> types = {}, names = {}, values = {};
  std::vector<std::string> order = {"ts", "id"};
  std::string store = "store";  ///< the table's name
  std::string from = {};        ///< of the store file, if it is another one
  std::string lines = {};       ///< more of the store file
  /// What is made when the events are in.
  std::string around = {};
  /// What the kinds of events are in the projection's file, if not themselves.
  std::map<std::string, std::string> kinds = {};
  std::string grants = {};  ///< as TargetShape's
  Refusable may_refuse = Refusable::nothing;

  /// A text of SQL with the names put in.
  [[nodiscard]] std::string sql(const std::string& text) const;
  /// SQL that puts in the story's events first to last, in an order that is not theirs.
  [[nodiscard]] std::string append(int first, int last) const;
  /// The store file.
  [[nodiscard]] std::string toml() const;
  [[nodiscard]] std::string column(const std::string& of_story) const;

 private:
  [[nodiscard]] std::vector<std::string> columns() const;
};

void PrintTo(const SourceShape& shape, std::ostream* out);

/// Every shape there is. A new one is a line in one of these.
std::vector<SourceShape> source_shapes();

// Parts of it, a file each.
std::vector<SourceShape> order_shapes();      ///< types of the order's columns
std::vector<SourceShape> attribute_shapes();  ///< types of the others
std::vector<SourceShape> relation_shapes();   ///< views, partitions and the like, and names

}  // namespace rebuild_projection::test

#pragma once

#include <string>
#include <vector>

#include "tests/support/database.h"

namespace rebuild_projection::test {

/// The events that every shape of a table is rebuilt from, and the rows that they make. They lie in the schema
/// "oracle", which the program does not read, and are folded there by plain SQL.
///
/// Rows are created, changed, removed and made anew. A slot belongs to one row at a time and is handed on (the events
/// say in "takes" and "leaves" which); a parent is a row that is there, and no row is removed that another one has for
/// a parent ("none" says that there is none). So after each event the rows satisfy every constraint that some shape
/// has.
struct Story {
  static constexpr int events = 37;
  /// Columns of the rows: id, v, total, label, slot, parent, at.
  static const std::vector<std::string>& columns();

  /// Makes the schema. oracle.log (n, id, ts, kind, stream, body) holds the events, oracle.want(n) is the rows after
  /// the first n of them, and oracle.state() describes the database (state()).
  static void tell(Database& database);
  /// Adds two events that would make a row whose v no integer column takes, in the middle. oracle.want() ignores them.
  static void tell_what_cannot_be(Database& database);
  /// Ids of these two, sorted.
  static std::vector<std::string> cannot_be();

  /// A line for everything in the database but the oracle: how each relation is defined ("schema.name is …"), its
  /// constraints, triggers, policies, grants and the like ("has …"), its rows to the tuple ("holds …"), and where
  /// sequences are ("is at …"). Sorted.
  static std::vector<std::string> state(Database& database);
};

/// Lines that are in one of two lists alone, with a sign before them: for a message.
std::string differences(const std::vector<std::string>& before, const std::vector<std::string>& after);

}  // namespace rebuild_projection::test

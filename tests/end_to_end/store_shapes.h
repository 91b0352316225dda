#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tests/support/database.h"

namespace rebuild_projection::test {

/// The tables of one of the stores that --store has a preset for, as its project makes them (tools/stores/), and how
/// events get into them. Events come from a table
///   log (n bigint, id uuid, stream text, seq bigint, kind text, ts timestamptz, body jsonb, hidden boolean, tenant
///   text)
/// in which n is their order in the application, and seq that of their stream.
struct StoreShape {
  friend void PrintTo(const StoreShape& one, std::ostream* out) { *out << one.preset; }

  const char* preset;
  const char* tables;
  /// Copies the log; "{log}" stands for it, in an order of rows that is not the events'.
  const char* copy;
  /// One event of stream "{stream}" whose position the server draws; "{n}" is its seq, and the n of its body. "": as
  /// copy, since clients draw it.
  const char* append = "";
  const char* order = "n";  ///< the store's order, over the log
  bool hides = false;       ///< whether it leaves out what is hidden
  bool has_id = true;
  bool has_ts = true;
  bool per_stream = false;

  void create(Database& database) const { database.execute(tables); }
  void copy_log(Database& database) const;
  /// SQL.
  [[nodiscard]] std::string append_event(int n) const;
};

std::span<const StoreShape> store_shapes();
const StoreShape& store_shape(std::string_view preset);

}  // namespace rebuild_projection::test

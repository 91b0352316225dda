#pragma once

#include <string>
#include <vector>

#include "pipeline/publication.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Rows of a live table that others take the place of: what publishing a shadow does, and what undoing that does.
struct Replacement {
  const CatalogueTable* live = nullptr;
  std::vector<std::string> key;      ///< of the projection
  std::string rows;                  ///< the table that holds the rows as they are to be, quoted
  std::vector<std::string> columns;  ///< what it has of the live table's columns, the key among them
  /// The table that notes where both lie, quoted, a row for each that is not equal: (live_part, live_at), NULL where
  /// the row comes, and row_at, NULL where it goes. replace_rows() drops it.
  std::string places = {};
  Publication counts = {};  ///< as noted
};

/// Whether a row of the live table, l, is the one of a row of `places`, d, as SQL.
inline constexpr const char* is_live_row = "l.tableoid = d.live_part AND l.ctid = d.live_at";

/// Makes the table of places in `schema`, of a query that gives live_part, live_at and row_at. How many it noted.
std::uint64_t note_places(Session& session, const std::string& schema, const std::string& query, Replacement& table);

/// Whether an UPDATE of many rows could meet, half way, a value that another of them is yet to give up: there is a
/// unique or exclusion constraint besides the key that is checked row by row.
bool hands_on_values(Session& session, const Replacement& table);

/// Rows go, change and come, those of all tables in one statement, at whose end foreign keys are checked; constraints
/// that can be deferred are checked last. Columns that `rows` has not keep their values in rows that change, and begin
/// with their defaults in those that come. No constraint that holds for the rows as they are to be is an obstacle:
/// where rows hand unique values to one another, they are replaced instead of updated, or, where a foreign key would
/// notice that, first make way (making_way.h).
///
/// In the transaction that noted the places. Throws SqlError, as of a foreign key that the rows contradict.
void replace_rows(Session& session, const std::vector<Replacement>& tables);

}  // namespace rebuild_projection

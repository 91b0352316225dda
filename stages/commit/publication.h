#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/publication.h"
#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Keeps writers, but not readers, out of these tables until the session's transaction ends, and lets the server end
/// the transaction if nothing is heard of it for 10 s. Throws TryAgain, naming who is in the way, where that cannot be
/// had within half a second: those who come later queue behind whoever waits for a lock.
void lock_against_writers(Session& session, const std::vector<const CatalogueTable*>& tables);

/// A live table and its shadow; all three outlive the call.
struct ShadowedTable {
  const TableLayout* layout = nullptr;
  const CatalogueTable* live = nullptr;
  const CatalogueTable* shadow = nullptr;
  std::string difference = {};    ///< find_difference()'s table, as SQL
  std::uint64_t differences = 0;  ///< its rows
  std::uint64_t shadow_rows = 0;
};

/// Joins the live table and its shadow, and notes where the rows lie that are in one alone (live_at or shadow_at is
/// NULL) or differ: in a table in `schema`, which publish() drops. In the session's transaction, which has the live
/// table locked against writers, so that rows stay where they are.
void find_difference(Session& session, const std::string& schema, ShadowedTable& table);

/// Whether a row of the live table, l, is the one of a row of find_difference()'s table, d, as SQL.
inline constexpr const char* is_live_row = "l.tableoid = d.live_part AND l.ctid = d.live_at";

/// Makes live tables equal to their shadows by difference: rows that are only in the shadow are inserted, those only in
/// the live table deleted, those that differ updated, and the others not touched. Two rows differ where the bytes of a
/// column do (the operator *<>, by which REFRESH MATERIALIZED VIEW CONCURRENTLY tells them apart): readers see 1.0 and
/// 1.00 as two texts, though VERIFY calls them equal. Columns that the projection does not write keep their values in
/// rows that stay, and begin with their defaults in new ones. Tables may refer to one another by foreign keys.
///
/// In the transaction of find_difference(), which was called for each table. Constraints that can be deferred are
/// checked at the end. Throws SqlError, as of a foreign key that the rows contradict.
std::vector<Publication> publish(Session& session, const std::vector<ShadowedTable>& tables);

/// Every reason why publish() could fail or do harm whatever the rows are, a sentence each, beginning with `where`.
std::vector<std::string> publish_mistakes(Session& session, const TableLayout& layout, const CatalogueTable& live,
                                          const std::string& where);

}  // namespace rebuild_projection

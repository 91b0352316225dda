#pragma once

#include <string>

#include "pipeline/table.h"
#include "stages/commit/replacement.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A live table and its shadow; all three outlive the call.
struct ShadowedTable {
  const TableLayout* layout = nullptr;
  const CatalogueTable* live = nullptr;
  const CatalogueTable* shadow = nullptr;
};

/// Joins a live table and its shadow, and notes where the rows lie that are in one alone or differ, in a table of
/// `schema`: what replace_rows() needs to make the live table equal to the shadow, without touching rows that are. Two
/// rows differ where the bytes of a column do (the operator *<>, by which REFRESH MATERIALIZED VIEW CONCURRENTLY tells
/// them apart): readers see 1.0 and 1.00 as two texts, though VERIFY calls them equal.
///
/// In the session's transaction, which has the live table locked against writers, so that rows stay where they are.
Replacement find_difference(Session& session, const std::string& schema, const ShadowedTable& table);

}  // namespace rebuild_projection

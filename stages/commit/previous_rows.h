#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/publication.h"
#include "pipeline/table.h"
#include "stages/commit/publication_checks.h"
#include "stages/commit/replacement.h"
#include "stages/commit/writers_lock.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

/// What publishing a shadow replaces, kept so that it can be put back (--keep-previous, --undo-publish): for each row
/// that it inserts, changes or deletes, the row before and after as texts, in a table of the schema of checkpoints; and
/// the live table's checkpoint before. One publication of a table can be undone, the last one.
///
/// All in the session's transaction, which has the tables locked against writers.
namespace rebuild_projection {

/// What an earlier publication replaced can no longer be put back.
void drop_previous_rows(Session& session, const std::string& schema, const CatalogueTable& live);

/// Before replace_rows(), after find_difference() and drop_previous_rows().
void keep_previous_rows(Session& session, const std::string& schema, const std::string& projection,
                        const Replacement& table);
/// After replace_rows() and Checkpoints::publish().
void note_new_rows(Session& session, const std::string& schema, const std::string& projection,
                   const TableLayout& layout, const CatalogueTable& live);

/// Puts rows and checkpoint of all these back; nothing is kept any more. What was done to their rows. Throws UsageError
/// where there is nothing to undo, or where that would lose what was written since: one of these rows was changed, or
/// another rebuild ran, or rows that were written since contradict those of before.
std::vector<Publication> undo_publications(Session& session, WritersLock& lock, const std::string& schema,
                                           const std::vector<PublishedTable>& tables);

}  // namespace rebuild_projection

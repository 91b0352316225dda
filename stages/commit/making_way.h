#pragma once

#include "stages/commit/replacement.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Has the rows that are to change give up their unique values first, so that none of them is in the way of another's:
/// a column of each unique or exclusion constraint becomes NULL, or a value that no row has, or one by which the row
/// leaves a partial index. Left alone are columns that others refer to, and constraints of which no column can be set
/// aside; these rows' final UPDATE may then be refused. A value that a check refuses is given up for the next one of
/// its type. Notes the rows' new places. Throws SqlError where no value is taken.
void make_way(Session& session, const Replacement& table);

}  // namespace rebuild_projection

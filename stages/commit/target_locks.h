#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Who is rebuilding tables of this database now, by the tables' oids.
struct LockHolder {
  std::string table;  ///< "schema.table", quoted where SQL needs it
  std::string who;
};
std::map<std::uint32_t, LockHolder> lock_holders(Session& session);

/// Takes the advisory locks of tables for the session's life: one rebuild at a time. What another run has left, it
/// waits for: its locks, and sessions that still write these tables. A session of the same role whose program has ended
/// for certain is ended too. Throws UsageError that says who is in the way when the time is over, Cancelled on a stop
/// of the session.
void lock_targets(Session& session, std::vector<CatalogueTable> tables, std::chrono::seconds patience);

/// The first word of a session that writes tables: who holds its locks is found by it, and by the mark behind it.
std::string name_of_target_session();

}  // namespace rebuild_projection

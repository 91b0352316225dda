#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "stages/postgres/catalogue.h"
#include "stages/postgres/lasting_session.h"

namespace rebuild_projection {

/// Connects to the target database as the commit stage does. A standby is refused: UsageError.
std::unique_ptr<Session> connect_to_target(const std::string& dsn);

/// How a lost session of the commit stage is made anew: its backend, which may be in the middle of a COMMIT, is ended
/// and has ended, and the tables' advisory locks are taken again. Throws RunError where another rebuild took them
/// meanwhile.
LastingSession::Connect target_connector(std::string dsn, std::vector<CatalogueTable> tables, std::stop_token abort);

}  // namespace rebuild_projection

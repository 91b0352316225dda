#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "stages/postgres/catalogue.h"
#include "stages/postgres/lasting_session.h"

namespace rebuild_projection {

/// Connects to the target database as the commit stage does; a stop ends that and the session's statements. A standby
/// is refused: CannotConnect.
std::unique_ptr<Session> connect_to_target(const Server& server, std::stop_token stop);

/// Throws UsageError where no transaction of the session's role could write: on a standby, or by a setting, whatever
/// the session itself has set. The message says what to do.
void refuse_unwritable(Session& session);

/// How a lost session of the commit stage is made anew: its backend, which may be in the middle of a COMMIT, is ended
/// and has ended, and the tables' advisory locks are taken again. A `stop` ends that; once it is made, what `abort` and
/// `stop` do is what Session::cancel_on() says. Throws RunError where another rebuild took the locks meanwhile.
LastingSession::Connect target_connector(Server server, std::vector<CatalogueTable> tables, std::stop_token abort,
                                         std::stop_token stop);

}  // namespace rebuild_projection

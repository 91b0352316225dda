#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/postgres/session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// An event gets its position before its transaction commits, so one with a lower position can become visible later.
/// The fence notes which transactions are open and waits until all of them have ended: what begins later draws a later
/// position than every one that was visible before the call.
///
///   a horizon in the store file        no wait: it hides such events
///   order by a sequence's column       waits for those that hold a write lock on the table or its sequence: nextval()
///                                      and INSERT lock before they draw
///   any other order, such as a clock   waits for every transaction of the database: now() is drawn before any lock
///
/// and for prepared transactions. Throws UsageError that names a holder when `timeout` has passed, Cancelled when
/// `stop` is requested. `session` must not be in a transaction.
///
/// `locked` are tables (oids) of this database that the caller keeps writers out of. Transactions that wait for one are
/// not waited for: they cannot end before the caller does. Nor is a horizon relied on then, which they hold back.
void wait_at_fence(const EventStore& store, Session& session, std::chrono::milliseconds timeout,
                   const std::stop_token& stop, const std::vector<std::uint32_t>& locked = {});

/// Why an event before `end` may be committed in spite of a fence: the server alone does not draw the positions, or its
/// transactions cannot be seen. "" where the fence keeps its promise.
std::string why_late_events_may_come(const EventStore& store, Session& session, const Position& end);

}  // namespace rebuild_projection

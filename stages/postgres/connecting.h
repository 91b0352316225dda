#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct pg_conn;

namespace rebuild_projection {

/// A server, and how long it may keep silent. A connection string alone is one too, hence the NOLINT.
struct Server {
  Server(std::string to = {}, std::chrono::seconds timeout = std::chrono::seconds(30))  // NOLINT(*-explicit-*)
      : dsn(std::move(to)), peer_timeout(timeout) {}

  std::string dsn;                    ///< a connection string or URI, as libpq reads it
  std::chrono::seconds peer_timeout;  ///< taken for dead when nothing is heard of it for so long
};

/// When a wait for a server ends without its answer.
struct Patience {
  std::chrono::steady_clock::time_point deadline;
  std::function<bool()> interrupted;  ///< asked some twenty times a second
};

/// Closes a connection of libpq.
struct Finish {
  void operator()(pg_conn* connection) const;
};
using RawConnection = std::unique_ptr<pg_conn, Finish>;

/// Keywords of libpq and their values; a later one overrides an earlier one.
using ConnectionParameters = std::vector<std::pair<std::string, std::string>>;

/// Connects as PQconnectdb does, and gives up when it is interrupted, or when a host has not answered within the
/// connection string's connect_timeout, else `peer_timeout`. Over TCP a peer that is gone is noticed within
/// `peer_timeout` from then on, by keepalives and TCP_USER_TIMEOUT, as far as the string does not say otherwise. The
/// connection's status says whether it can be used; where time ran out there is none.
RawConnection connect_within(const std::string& dsn, std::chrono::milliseconds peer_timeout,
                             const std::function<bool()>& interrupted);
RawConnection connect_within(const ConnectionParameters& parameters, std::chrono::milliseconds peer_timeout,
                             const std::function<bool()>& interrupted);

/// The rows of one query, without their columns' names; nullopt is NULL.
using Answer = std::vector<std::vector<std::string>>;

/// Asks and waits for the answer; without parameters it may be several statements. An error is an answer without rows.
/// False where none comes in time.
bool ask_within(pg_conn* connection, const std::string& sql, const std::vector<std::string>& parameters,
                const Patience& patience, Answer& answer);

}  // namespace rebuild_projection

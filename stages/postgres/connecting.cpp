#include "stages/postgres/connecting.h"

#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <new>
#include <string_view>

namespace rebuild_projection {

namespace {

using Clock = std::chrono::steady_clock;

/// Between two looks at whether a wait is interrupted.
constexpr std::chrono::milliseconds look_every{50};

/// Waits until the socket can be read or written. False where patience has ended.
bool wait_for(int socket, short events, const Patience& patience) {
  for (;;) {
    if (patience.interrupted && patience.interrupted()) return false;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(patience.deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd one{socket, events, 0};
    if (::poll(&one, 1, static_cast<int>(std::min(left, look_every).count())) > 0) return true;
  }
}

/// What the connection was told, by its string, the environment or a service file.
std::map<std::string, std::string, std::less<>> told(pg_conn* connection) {
  std::map<std::string, std::string, std::less<>> result;
  PQconninfoOption* options = PQconninfo(connection);
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option)
    if (option->val != nullptr && *option->val != '\0') result.emplace(option->keyword, option->val);
  PQconninfoFree(options);
  return result;
}

int number(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

/// libpq hands its own settings to the socket before it connects; these fill in what it was not told. A socket that is
/// no TCP refuses them all.
void notice_dead_peers(pg_conn* connection, std::chrono::milliseconds peer_timeout) {
  const auto given = told(connection);
  if (const auto keepalives = given.find("keepalives"); keepalives != given.end() && number(keepalives->second) == 0)
    return;
  constexpr int probes = 3;
  const int seconds = std::max(static_cast<int>(peer_timeout.count() / 1000), 1);
  const auto set = [&](const char* keyword, int option, int value) {
    if (!given.contains(keyword)) ::setsockopt(PQsocket(connection), IPPROTO_TCP, option, &value, sizeof value);
  };
  set("keepalives_idle", TCP_KEEPIDLE, std::max(seconds / 2, 1));
  set("keepalives_interval", TCP_KEEPINTVL, std::max(seconds / 2 / probes, 1));
  set("keepalives_count", TCP_KEEPCNT, probes);
  set("tcp_user_timeout", TCP_USER_TIMEOUT, static_cast<int>(peer_timeout.count()));
}

/// The address that is tried.
std::string where(pg_conn* connection) {
  std::string result;
  for (const char* part : {PQhost(connection), PQhostaddr(connection), PQport(connection)})
    result += std::string(part != nullptr ? part : "") + ' ';
  return result;
}

std::chrono::milliseconds time_to_connect(pg_conn* connection, std::chrono::milliseconds peer_timeout) {
  const auto given = told(connection);
  const auto own = given.find("connect_timeout");
  const int seconds = own == given.end() ? 0 : number(own->second);
  return seconds > 0 ? std::chrono::seconds(seconds) : peer_timeout;
}

/// Goes through with a connection that is begun.
RawConnection follow(RawConnection connection, std::chrono::milliseconds peer_timeout,
                     const std::function<bool()>& interrupted) {
  if (!connection) throw std::bad_alloc();
  // libpq would write to standard error what the server says besides, between the lines of the log and unescaped.
  constexpr auto ignore = [](void*, const char*) {};
  PQsetNoticeProcessor(connection.get(), ignore, nullptr);
  const auto limit = time_to_connect(connection.get(), peer_timeout);
  std::string host;
  Patience patience{{}, interrupted};
  for (auto state = PGRES_POLLING_WRITING; PQstatus(connection.get()) != CONNECTION_BAD;
       state = PQconnectPoll(connection.get())) {
    if (state == PGRES_POLLING_OK || state == PGRES_POLLING_FAILED) break;
    if (std::string now = where(connection.get()); now != host) {  // the first address, or the next one
      host = std::move(now);
      patience.deadline = Clock::now() + limit;
      notice_dead_peers(connection.get(), peer_timeout);
    }
    if (!wait_for(PQsocket(connection.get()), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, patience))
      return nullptr;
  }
  return connection;
}

}  // namespace

void Finish::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

RawConnection connect_within(const std::string& dsn, std::chrono::milliseconds peer_timeout,
                             const std::function<bool()>& interrupted) {
  return follow(RawConnection(PQconnectStart(dsn.c_str())), peer_timeout, interrupted);
}

RawConnection connect_within(const ConnectionParameters& parameters, std::chrono::milliseconds peer_timeout,
                             const std::function<bool()>& interrupted) {
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return follow(RawConnection(PQconnectStartParams(keywords.data(), values.data(), 0)), peer_timeout, interrupted);
}

bool ask_within(pg_conn* connection, const std::string& sql, const std::vector<std::string>& parameters,
                const Patience& patience, Answer& answer) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  const int sent = values.empty() ? PQsendQuery(connection, sql.c_str())
                                  : PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                                      values.data(), nullptr, nullptr, 0);
  if (sent != 1) return false;
  bool answered = false;
  answer.clear();
  for (;;) {
    while (PQisBusy(connection) != 0)
      if (!wait_for(PQsocket(connection), POLLIN, patience) || PQconsumeInput(connection) != 1) return false;
    PGresult* result = PQgetResult(connection);
    if (result == nullptr) return answered;
    answered = true;
    for (int row = 0; row < PQntuples(result); ++row) {
      answer.emplace_back();
      for (int column = 0; column < PQnfields(result); ++column)
        answer.back().emplace_back(PQgetvalue(result, row, column));
    }
    PQclear(result);
  }
}

}  // namespace rebuild_projection

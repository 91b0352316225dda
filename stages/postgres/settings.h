#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A setting that has one value in every session, whatever the server, the database, the role, libpq's environment or
/// the connection string say: rows, texts and the end of a session do not depend on it.
struct PinnedSetting {
  enum class Of : std::uint8_t { every_session, readers, writers };

  std::string_view name;
  std::string_view value;  ///< SQL that computes it
  std::string_view why;    ///< what its other values do
  Of of = Of::every_session;
  bool privileged = false;  ///< not every role may change it: a session that would need to is refused
};

/// All of them. A server that does not know one goes without it.
std::span<const PinnedSetting> pinned_settings();

/// Begins the text of a session's first statements, which are then one transaction: where the default is serializable,
/// a standby would refuse any query in it. Nothing of it stays in the session.
inline constexpr std::string_view any_isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ";

/// SQL that pins them all, and says what the session is called: application_name is "rebuild_projection/" and `called`.
std::string pin_settings(std::string_view called, Session::Access access);
/// SQL that pins these again, after others were set for a while. RESET would bring back what the role says.
std::string pin_again(std::initializer_list<std::string_view> names);
/// A SQL expression: what could not be pinned, and why that matters; NULL where everything was.
std::string not_pinned();

}  // namespace rebuild_projection

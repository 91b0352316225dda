#pragma once

#include <stdexcept>
#include <string>

namespace rebuild_projection {

/// Wrong usage or configuration, found before anything was read or cleared: exit code 1.
/// The text is one or more full sentences for the person at the terminal; several mistakes stand one a line.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A failure after the run began: exit code 2.
struct RunError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One event cannot be applied to one projection (or not be parsed at all). Thrown by a projector's handle(); the text
/// says what is wrong and with which path or column, never a payload's value. The engine adds event id, position and
/// projection.
struct EventError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A statement ended because the person asked for it (second signal, SQLSTATE 57014 after abort): exit code 3.
struct Cancelled : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace rebuild_projection

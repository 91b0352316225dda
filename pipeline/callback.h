#pragma once

#include <exception>
#include <new>
#include <string>

#include "pipeline/error.h"

namespace rebuild_projection {

/// What code of the library's caller threw: a projector's, but for handle(), or a callback's of the options.
struct CallbackError : RunError {
  using RunError::RunError;
};

/// Calls such code. Whatever it throws, an `int` or a Cancelled too, becomes a CallbackError that begins with `whose`
/// code it was; std::bad_alloc alone is nobody's fault.
template <typename Call>
auto call_back(const std::string& whose, Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw CallbackError(whose + ": " + error.what());
  } catch (...) {
    throw CallbackError(whose + ": threw something that is no std::exception");
  }
}

}  // namespace rebuild_projection

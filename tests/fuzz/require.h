#pragma once

#include <stdexcept>
#include <string>

namespace rebuild_projection::test {

/// Throws std::logic_error where the program is wrong.
inline void require(bool right, const std::string& what) {
  if (!right) throw std::logic_error("not so: " + what);
}

}  // namespace rebuild_projection::test

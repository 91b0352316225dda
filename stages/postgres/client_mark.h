#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// This process, as its sessions say it in their application_name: "4711.123456@8f0c6a1d2b3e4f50" is its number, the
/// moment it began, and a digest of the machine's boot and the namespace that the number belongs to. Empty where the
/// system does not tell.
std::string mark_of_this_process();

/// What is known of the process that a mark names.
enum class MarkedProcess : std::uint8_t {
  unknown,  ///< it is on another machine, or its mark cannot be read
  runs,     ///< or may run: here
  ended,    ///< for certain
};
MarkedProcess look_at(std::string_view mark);

/// "4711" of a mark.
std::string_view process_number(std::string_view mark);

}  // namespace rebuild_projection

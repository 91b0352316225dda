#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

namespace rebuild_projection {

/// The whole of a file, which may be a pipe that somebody writes to later. nullopt where it cannot be read, as a
/// directory cannot. Throws Cancelled on a stop, however long nobody writes.
std::optional<std::string> text_of_file(const std::filesystem::path& path, const std::stop_token& stop);

}  // namespace rebuild_projection

#pragma once

#include <string>
#include <vector>

namespace rebuild_projection::test {

/// A fenced block of a page.
struct CodeBlock {
  std::string heading;   ///< the last heading above it, without its #s
  std::string language;  ///< the word after the fence
  std::string text;      ///< its lines, without the indent that the fence has
};

/// Lines of a file; throws where it cannot be read.
std::vector<std::string> lines_of(const std::string& path);

std::vector<CodeBlock> code_blocks(const std::string& page);

}  // namespace rebuild_projection::test

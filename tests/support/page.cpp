#include "tests/support/page.h"

#include <fstream>
#include <stdexcept>

namespace rebuild_projection::test {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<CodeBlock> code_blocks(const std::string& page) {
  std::vector<CodeBlock> blocks;
  std::string heading;
  std::size_t indent = 0;
  bool inside = false;
  for (const std::string& line : lines_of(page)) {
    const std::size_t first = line.find_first_not_of(' ');
    const bool fence = first != std::string::npos && line.compare(first, 3, "```") == 0;
    if (fence && !inside) {
      blocks.push_back({heading, line.substr(first + 3), ""});
      indent = first;
    } else if (!fence && inside) {
      blocks.back().text += (line.size() > indent ? line.substr(indent) : "") + "\n";
    } else if (!fence && line.starts_with("#")) {
      heading = line.substr(line.find_first_not_of("# "));
    }
    if (fence) inside = !inside;
  }
  return blocks;
}

}  // namespace rebuild_projection::test

#pragma once

#include <string>
#include <vector>

namespace rebuild_projection::test {

/// Names that columns and tables may have: what the program's own SQL may call something, what the server's grammar
/// does, and what a quote must survive.
const std::vector<std::string>& odd_names();

/// As SQL writes a name.
std::string quoted_name(const std::string& name);

}  // namespace rebuild_projection::test

#pragma once

#include <string>
#include <vector>

#include "stages/apply/rules.h"
#include "stages/apply/toml_document.h"

namespace rebuild_projection {

/// Adds a mistake for every member of `table` that is not in `known`. `where` is "in [[on]]" or the like.
void refuse_unknown_keys(const TomlNode& table, const std::vector<std::string>& known, const std::string& where,
                         Mistakes& mistakes);

/// Reads one [[on]] entry. `key` are the projection's key columns; empty where they could not be read, and then the
/// rule's own key is not compared with them. The result is meaningful only if no mistake was added.
Rule read_rule(const TomlNode& node, const std::vector<KeyColumn>& key, Mistakes& mistakes);

}  // namespace rebuild_projection

#pragma once

#include <optional>

#include "stages/apply/rules.h"
#include "stages/apply/toml_document.h"
#include "stages/apply/value_source.h"

namespace rebuild_projection {

/// Reads one member of a rule's `when`: a reference, and what it must equal. nullopt after it added the mistake.
std::optional<Condition> read_condition(const TomlNode& node, const ValueScope& scope, Mistakes& mistakes);

}  // namespace rebuild_projection

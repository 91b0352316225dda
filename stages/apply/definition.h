#pragma once

#include <string>

#include "stages/apply/rules.h"

namespace rebuild_projection {

/// What a projection file means, as text: the same for files that differ in comments, layout, the order of columns or
/// the spelling of a number only, and another one wherever events may give other rows.
std::string definition_of(const ProjectionFile::Content& content);

}  // namespace rebuild_projection

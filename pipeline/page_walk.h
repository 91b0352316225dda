#pragma once

#include <functional>

#include "pipeline/options.h"
#include "pipeline/page.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// Reads and parses the pages of a source once more, several at once as the options say, and calls `visit` with one
/// after the other, in their order, until it returns false. Blocks. Throws what the stages throw.
void walk_pages(PageSource& source, const PayloadParser& parser, const RunOptions& options,
                const std::function<bool(const Page&, const ParsedPage&)>& visit);

}  // namespace rebuild_projection

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/page.h"

namespace rebuild_projection::test {

/// An event of a page made by hand.
struct PageEvent {
  std::string event_id;
  std::string type;
  std::string payload = "{}";
  std::optional<std::string> ts = {};
  std::optional<std::string> stream_id = {};
  std::vector<std::string> position = {};  ///< empty: the event id alone
};

/// A page as a reader makes it: every text in one buffer, one payload right behind the other, with exactly the 64
/// readable bytes after the last of them that are promised. These hold no spaces or zeros, so that code that reads on
/// is found out.
Page make_page(const std::vector<PageEvent>& events);

}  // namespace rebuild_projection::test

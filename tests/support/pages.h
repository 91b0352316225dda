#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

/// The number of a type in a page, which gets it.
std::uint32_t type_number(Page& page, std::string_view type);

/// A page as a reader makes it: every text in one block, one payload right behind the other. What follows the last of
/// them holds no spaces or zeros, so that code that reads on is found out.
Page make_page(const std::vector<PageEvent>& events);

}  // namespace rebuild_projection::test

#include "pipeline/stages.h"

namespace rebuild_projection {

std::optional<Page> PageSequence::next(std::size_t events_max) {
  for (;;) {
    Page page;
    if (rest_) {
      page = std::exchange(rest_, nullptr)();
    } else if (auto found = source_.next(events_max)) {
      page = found->read();
    } else {
      return std::nullopt;
    }
    rest_ = std::move(page.rest);
    if (!page.events.empty()) return page;
  }
}

}  // namespace rebuild_projection

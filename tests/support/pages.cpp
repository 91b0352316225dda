#include "tests/support/pages.h"

#include <string>

namespace rebuild_projection::test {

std::uint32_t type_number(Page& page, std::string_view type) {
  const std::uint32_t number = page.types.find(type);
  return number == PageTypes::unknown ? page.types.add(page.texts.copy(type)) : number;
}

Page make_page(const std::vector<PageEvent>& events) {
  Page page;
  std::size_t bytes = 0, positions = 0;
  for (const PageEvent& event : events) {
    bytes += event.event_id.size() + event.type.size() + event.payload.size();
    bytes += event.ts.value_or("").size() + event.stream_id.value_or("").size();
    for (const std::string& part : event.position) bytes += part.size();
    positions += event.position.empty() ? 1 : event.position.size();
  }
  const std::string behind(64, '}');
  page.texts = TextArena(bytes + behind.size());
  page.positions.reserve(positions);  // the spans below point into it
  for (const PageEvent& event : events) {
    StoredEvent stored;
    stored.event_id = page.texts.copy(event.event_id);
    stored.type_number = type_number(page, event.type);
    stored.type = page.types[stored.type_number];
    if (event.ts) stored.ts = page.texts.copy(*event.ts);
    if (event.stream_id) stored.stream_id = page.texts.copy(*event.stream_id);
    const std::size_t first = page.positions.size();
    if (event.position.empty()) page.positions.push_back(stored.event_id);
    for (const std::string& part : event.position) page.positions.push_back(page.texts.copy(part));
    stored.position = std::span(page.positions).subspan(first);
    page.events.push_back(stored);
  }
  for (std::size_t i = 0; i < events.size(); ++i) page.events[i].payload = page.texts.copy(events[i].payload);
  page.texts.copy(behind);
  return page;
}

}  // namespace rebuild_projection::test

#include "tests/support/pages.h"

#include <cstring>

namespace rebuild_projection::test {
namespace {

constexpr std::size_t padding_bytes = 64;

/// Copies texts into a buffer of known size.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}
  std::string_view put(std::string_view text) {
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    const std::string_view copy(at_, text.size());
    at_ += text.size();
    return copy;
  }
  void pad() { std::memset(at_, '}', padding_bytes); }

 private:
  char* at_;
};

std::size_t bytes_of(const PageEvent& event) {
  std::size_t bytes = event.event_id.size() + event.type.size() + event.payload.size();
  if (event.ts) bytes += event.ts->size();
  if (event.stream_id) bytes += event.stream_id->size();
  for (const std::string& part : event.position) bytes += part.size();
  return bytes;
}

}  // namespace

Page make_page(const std::vector<PageEvent>& events) {
  Page page;
  std::size_t positions = 0;
  for (const PageEvent& event : events) {
    page.buffer_bytes += bytes_of(event);
    positions += event.position.empty() ? 1 : event.position.size();
  }
  page.buffer_bytes += padding_bytes;
  page.buffer = std::make_unique<char[]>(page.buffer_bytes);
  page.positions.reserve(positions);  // the spans below point into it
  Writer writer(page.buffer.get());
  for (const PageEvent& event : events) {
    StoredEvent stored;
    stored.event_id = writer.put(event.event_id);
    stored.type = writer.put(event.type);
    if (event.ts) stored.ts = writer.put(*event.ts);
    if (event.stream_id) stored.stream_id = writer.put(*event.stream_id);
    const std::size_t first = page.positions.size();
    if (event.position.empty()) page.positions.push_back(stored.event_id);
    for (const std::string& part : event.position) page.positions.push_back(writer.put(part));
    stored.position = std::span(page.positions).subspan(first);
    page.events.push_back(stored);
  }
  for (std::size_t i = 0; i < events.size(); ++i) page.events[i].payload = writer.put(events[i].payload);
  writer.pad();
  return page;
}

}  // namespace rebuild_projection::test

#include "stages/event_sample.h"

#include <algorithm>

#include "stages/preparation.h"
#include "stages/read/store_reader.h"

namespace rebuild_projection {

namespace {

constexpr std::size_t page_events = 500;
constexpr std::size_t types_max = 500;  // a store with more puts something else into its types
constexpr std::size_t members_of_type_max = 200;

/// Asks for every member of every payload.
class MemberReader : public Projector {
 public:
  MemberReader() : Projector({.name = "sample", .events = {"*"}, .payload = {.elements = {{"/*", {""}}}}}) {}
  void handle(const Event&, Changes&) const override {}
};

void add_member(EventSample::Type& type, const Element& element, const SampleRequest& request) {
  const std::string name(element.matched.front());
  const Json& value = element.values.front();
  auto found = std::ranges::find(type.members, name, &EventSample::Member::name);
  if (found == type.members.end()) {
    if (type.members.size() == members_of_type_max) return;
    found = type.members.insert(found, {.name = name});
  }
  if (value.kind != Json::Kind::null) ++found->values;
  found->fits = found->fits && request.fits(name, value);
}

void add_stream(EventSample::Type& type, const StoredValue& stream, const SampleRequest& request) {
  StoredValue::Room room;
  for (const std::string& column : request.key)
    if (stream.is_null() || !request.fits(column, {Json::Kind::string, stream.text(room)}))
      type.without_stream.insert(column);
}

/// The elements of an array match "/*" as well.
bool is_object(std::string_view payload) {
  const std::size_t start = payload.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && payload[start] == '{';
}

EventSample::Type* type_of(EventSample& sample, std::string_view name) {
  const auto found = std::ranges::find(sample.types, name, &EventSample::Type::name);
  if (found != sample.types.end()) return &*found;
  sample.more_types = sample.types.size() == types_max;
  return sample.more_types ? nullptr : &sample.types.emplace_back(EventSample::Type{.name = std::string(name)});
}

/// Adds the source's events, `events_max` at the most; says how many there were.
std::uint64_t add_events(EventSample& sample, PageSource& source, const PayloadParser& parser,
                         const SampleRequest& request, std::uint64_t events_max) {
  std::uint64_t events = 0;
  PageSequence pages(source);
  while (events < events_max) {
    const auto page = pages.next(std::min<std::uint64_t>(page_events, events_max - events));
    if (!page) break;
    const ParsedPage parsed = parser.parse(*page);
    for (std::size_t index = 0; index < page->events.size(); ++index) {
      ++events;
      EventSample::Type* type = type_of(sample, page->events[index].type);
      if (type == nullptr) continue;
      ++type->events;
      add_stream(*type, page->events[index].stream_id, request);
      const bool readable = parsed.errors.empty() || !parsed.errors[index];
      if (!readable || !is_object(page->events[index].payload)) continue;
      for (const Element& element : parsed.elements[parsed.row[index]]) add_member(*type, element, request);
    }
  }
  sample.events += events;
  return events;
}

/// A store without an order to read along: some of its events, sorted by the server.
EventSample sample_heap(const EventStore& store, Session& session, const Server& server, const SampleRequest& request,
                        const PayloadParser& parser, const std::stop_token& stop) {
  const std::uint64_t events_max = 2 * request.events_max;
  StoreFile some = store.file();
  some.from = "(SELECT * FROM " + store.from_in_sql() + " AS whole LIMIT " + std::to_string(events_max) + ")";
  const EventStore part(std::move(some), session);
  EventSample sample{.in_order = false};
  const auto reader = make_reader(part, {}, {.server = server, .indexed = false, .stop = stop});
  sample.whole_store = add_events(sample, *reader, parser, request, events_max) < events_max;
  return sample;
}

}  // namespace

EventSample sample_events(const EventStore& store, Session& session, const Server& server, const SampleRequest& request,
                          const std::stop_token& stop) {
  const MemberReader members;
  const auto parser = make_json_parser({&members}, format_of(store.payload()));
  session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const bool indexed = store.order_is_indexed(session);
  session.execute("COMMIT");
  if (!indexed) return sample_heap(store, session, server, request, *parser, stop);

  EventSample sample;
  EventRange newest;
  newest.after = store.from_end(session, {}, request.events_max);
  if (newest.after) {
    EventRange oldest;
    oldest.last = newest.after;
    const auto reader = make_reader(store, oldest, {.server = server, .stop = stop});
    sample.whole_store = add_events(sample, *reader, *parser, request, request.events_max) < request.events_max;
  } else {
    sample.whole_store = true;
  }
  const auto reader = make_reader(store, newest, {.server = server, .stop = stop});
  add_events(sample, *reader, *parser, request, request.events_max);
  return sample;
}

}  // namespace rebuild_projection

#include "pipeline/payload_watch.h"

#include <algorithm>

namespace rebuild_projection {

PayloadWatch::PayloadWatch(const std::vector<const Projector*>& projectors) {
  for (const Projector* projector : projectors) of_.push_back({projector, projector->path_look(), {}});
}

void PayloadWatch::look(const RunProjector& run_projector, const PayloadParser& parser, const Page& page,
                        const ParsedPage& parsed, std::size_t begin, std::size_t end) {
  OfProjector& of = of_[run_projector.index];
  const bool all_found = of.paths->done();
  if (page.stretch < run_projector.first_stretch || (all_found && parsed.not_objects.empty())) return;
  const Projector& projector = *of.projector;
  TypeAnswers handled(page.types);
  const auto is_seen = [&](std::size_t index) {
    return handled(page.events[index].type_number, [&](std::string_view type) { return projector.handles(type); }) &&
           (parsed.errors.empty() || !parsed.errors[index]);
  };
  if (!all_found)
    for (std::size_t index = begin; index < end; ++index)
      if (is_seen(index)) of.paths->look(event_of(run_projector, parser, page, parsed, index));
  TypeAnswers read(page.types);
  for (const std::uint32_t index : parsed.not_objects) {
    if (index < begin || index >= end || !is_seen(index)) continue;
    if (read(page.events[index].type_number,
             [&](std::string_view type) { return !projector.paths_read(type).empty(); }))
      look_at_strange(of, page, index, event_of(run_projector, parser, page, parsed, index));
  }
}

/// One in which a path leads somewhere is what its author expects.
void PayloadWatch::look_at_strange(OfProjector& of, const Page& page, std::size_t index, const Event& event) {
  const Extraction& wanted = of.projector->extraction();
  for (std::size_t path = 0; path < wanted.paths.size(); ++path)
    if (event.value(path).kind != Json::Kind::missing) return;
  for (std::size_t pattern = 0; pattern < wanted.elements.size(); ++pattern)
    if (!event.elements(pattern).empty()) return;
  const StoredEvent& stored = page.events[index];
  Strange& strange = of.strange[kind_of(stored.payload)];
  if (strange.events++ == 0) strange.first_event_id = stored.event_id.text();
}

/// Index in `kinds`.
std::size_t PayloadWatch::kind_of(std::string_view payload) {
  constexpr std::string_view space = " \t\r\n";
  enum Kind : std::size_t { document, string, array, null, other };
  const auto first = [&space](std::string_view text) {
    const std::size_t at = text.find_first_not_of(space);
    return at == std::string_view::npos ? std::string_view() : text.substr(at);
  };
  const std::string_view text = first(payload);
  if (text.starts_with('[')) return array;
  if (text.starts_with('n')) return null;
  if (!text.starts_with('"')) return other;
  const std::string_view inside = first(text.substr(1));
  return inside.starts_with('{') || inside.starts_with('[') ? document : string;
}

std::vector<std::string> PayloadWatch::warnings() const {
  std::vector<std::string> result;
  for (const OfProjector& of : of_) {
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      const Strange& strange = of.strange[kind];
      if (strange.events == 0) continue;
      result.push_back("projection " + of.projector->name() + ": the payload of " + std::to_string(strange.events) +
                       (strange.events == 1 ? " event is " : " events is ") + kinds[kind] +
                       " and no object, so none of its paths leads anywhere; the first is event " +
                       strange.first_event_id);
    }
    std::ranges::move(of.paths->never_found(), std::back_inserter(result));
  }
  return result;
}

}  // namespace rebuild_projection

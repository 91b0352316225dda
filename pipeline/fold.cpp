#include "pipeline/fold.h"

#include <exception>
#include <new>
#include <utility>

#include "pipeline/error.h"

namespace rebuild_projection {

Event event_of(const RunProjector& projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
               std::size_t index) {
  const Extraction& wanted = projector.projector->extraction();
  const std::size_t row = parsed.row[index];
  const std::size_t values = row * parser.values_per_event() + parser.values_offset(projector.index);
  const std::size_t elements = row * parser.elements_per_event() + parser.elements_offset(projector.index);
  return {page.events[index], wanted, std::span(parsed.values).subspan(values, wanted.paths.size()),
          std::span(parsed.elements).subspan(elements, wanted.elements.size())};
}

Folded fold(RunProjector run_projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
            std::size_t begin, std::size_t end, OnError on_error, bool dry, ChangeSet& set) {
  const Projector& projector = *run_projector.projector;
  Folded folded;
  if (page.stretch < run_projector.first_stretch) {
    folded.already_there = end - begin;
    return folded;
  }
  Changes changes(projector.table());
  TypeAnswers handled(page.types);
  // False where the fold ends with this event.
  const auto left_out = [&](std::size_t index, std::exception_ptr cause, const char* text) {
    changes.discard();
    if (on_error == OnError::stop) {
      folded.failure = Failure{std::move(cause), projector.name(), index};
      return false;
    }
    const StoredEvent& stored = page.events[index];
    folded.skipped.push_back({stored.event_id.text(), stored.owned_position(), text});
    return true;
  };
  for (std::size_t index = begin; index < end; ++index) {
    const StoredEvent& stored = page.events[index];
    if (!handled(stored.type_number, [&](std::string_view type) { return projector.handles(type); }) &&
        !page.is_of_unknown_type(index)) {
      ++folded.ignored;
      continue;
    }
    try {
      if (!parsed.errors.empty() && parsed.errors[index]) throw EventError(*parsed.errors[index]);
      if (!dry) {
        projector.handle(event_of(run_projector, parser, page, parsed, index), changes);
        changes.move_into(set);
      }
      ++folded.applied;
    } catch (const std::bad_alloc&) {  // not the event's fault
      folded.failure = Failure{std::current_exception(), projector.name(), index};
      return folded;
    } catch (const std::exception& error) {
      if (!left_out(index, std::current_exception(), error.what())) return folded;
    } catch (...) {
      const EventError error("the projector threw something that is no std::exception");
      if (!left_out(index, std::make_exception_ptr(error), error.what())) return folded;
    }
  }
  return folded;
}

}  // namespace rebuild_projection

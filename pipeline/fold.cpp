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

namespace {

/// Lets the projector handle the page's events [begin, end), one after the other. `take` gets the index of an event and
/// what it changes; `left_out` the index of one that fails, why, and in words. Either says whether to go on. Counts
/// what is applied and ignored.
template <typename Take, typename LeftOut>
Folded handle_each(RunProjector run_projector, const Page& page, const ParsedPage& parsed, std::size_t begin,
                   std::size_t end, const Take& take, const LeftOut& left_out) {
  const Projector& projector = *run_projector.projector;
  Folded folded;
  if (page.stretch < run_projector.first_stretch) {
    folded.already_there = end - begin;
    return folded;
  }
  Changes changes(projector.table());
  TypeAnswers handled(page.types);
  for (std::size_t index = begin; index < end; ++index) {
    const StoredEvent& stored = page.events[index];
    if (!handled(stored.type_number, [&](std::string_view type) { return projector.handles(type); }) &&
        !page.is_of_unknown_type(index)) {
      ++folded.ignored;
      continue;
    }
    bool goes_on = true;
    try {
      if (!parsed.errors.empty() && parsed.errors[index]) throw EventError(*parsed.errors[index]);
      goes_on = take(index, changes);
      ++folded.applied;
    } catch (const std::bad_alloc&) {  // not the event's fault
      folded.failure = Failure{std::current_exception(), projector.name(), index};
      return folded;
    } catch (const std::exception& error) {
      changes.discard();
      goes_on = left_out(folded, index, std::current_exception(), error.what());
    } catch (...) {
      const EventError error("the projector threw something that is no std::exception");
      changes.discard();
      goes_on = left_out(folded, index, std::make_exception_ptr(error), error.what());
    }
    if (!goes_on) return folded;
  }
  return folded;
}

}  // namespace

Folded fold(RunProjector run_projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
            std::size_t begin, std::size_t end, OnError on_error, bool dry, ChangeSet& set) {
  const Projector& projector = *run_projector.projector;
  const auto take = [&](std::size_t index, Changes& changes) {
    if (dry) return true;
    projector.handle(event_of(run_projector, parser, page, parsed, index), changes);
    changes.move_into(set);
    return true;
  };
  const auto left_out = [&](Folded& folded, std::size_t index, std::exception_ptr cause, const char* text) {
    if (on_error == OnError::stop) {
      folded.failure = Failure{std::move(cause), projector.name(), index};
      return false;
    }
    const StoredEvent& stored = page.events[index];
    folded.skipped.push_back({stored.event_id.text(), stored.owned_position(), text});
    return true;
  };
  return handle_each(run_projector, page, parsed, begin, end, take, left_out);
}

bool fold_each(RunProjector run_projector, const PayloadParser& parser, const Page& page, const ParsedPage& parsed,
               std::size_t begin, std::size_t end, const std::function<bool(std::string_view)>& wanted,
               const std::function<bool(std::size_t, const ChangeSet&)>& visit) {
  const Projector& projector = *run_projector.projector;
  bool goes_on = true;
  std::exception_ptr failed;  // what `visit` threw: no event's fault
  const auto take = [&](std::size_t index, Changes& changes) {
    projector.handle(event_of(run_projector, parser, page, parsed, index), changes);
    bool asked_for = false;
    changes.keep_rows([&](std::string_view key) {
      asked_for = asked_for || wanted(key);
      return true;
    });
    if (!asked_for) {
      changes.discard();
      return true;
    }
    ChangeSet set(projector.table());
    changes.move_into(set);
    try {
      goes_on = visit(index, set);
    } catch (...) {
      failed = std::current_exception();
      goes_on = false;
    }
    return goes_on;
  };
  const auto left_out = [](Folded&, std::size_t, const std::exception_ptr&, const char*) { return true; };
  const Folded folded = handle_each(run_projector, page, parsed, begin, end, take, left_out);
  if (failed) std::rethrow_exception(failed);
  if (folded.failure) std::rethrow_exception(folded.failure->cause);
  return goes_on;
}

}  // namespace rebuild_projection

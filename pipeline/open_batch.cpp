#include "pipeline/open_batch.h"

#include <algorithm>

#include "pipeline/error.h"
#include "pipeline/limits.h"

namespace rebuild_projection {

OpenBatch::OpenBatch(std::vector<RunProjector> projectors, const Stages& stages, OnError on_error)
    : projectors_(std::move(projectors)), stages_(stages), on_error_(on_error) {
  for (const RunProjector& run_projector : projectors_)
    batch_.projections.push_back(
        {run_projector.projector, ChangeSet(run_projector.projector->table()), {}, 0, 0, 0, 0});
  batch_.fold_again = [this](std::size_t projection, std::uint64_t begin, std::uint64_t end) {
    return fold_again(projection, begin, end);
  };
  batch_.event_at = [this](std::uint64_t index) { return event_at(index); };
}

void OpenBatch::add(const PagePtr& page) {
  const std::vector<StoredEvent>& events = page->page.events;
  if (events.empty()) return;
  if (batch_.events == 0) batch_.first_position = events.front().owned_position();
  batch_.events += events.size();
  batch_.last_position = events.back().owned_position();
  batch_.last_event_id = events.back().event_id;
  batch_.last_ts = events.back().ts;

  for (const auto& of_page : page->types) {
    const auto known =
        std::find_if(types_.begin(), types_.end(), [&](const auto& entry) { return entry.first == of_page.first; });
    if (known != types_.end())
      known->second += of_page.second;
    else
      types_.emplace_back(of_page.first, of_page.second);
  }
  for (std::size_t index = 0; index < projectors_.size(); ++index) {
    Batch::Projection& projection = batch_.projections[index];
    Folded& folded = *page->folded[index];
    if (projection.changes.empty())
      projection.changes = std::move(folded.changes);
    else
      projection.changes.append(std::move(folded.changes));
    projection.applied += folded.applied;
    projection.ignored += folded.ignored;
    projection.already_there += folded.already_there;
    projection.events += events.size() - folded.already_there;
    projection.skipped.insert(projection.skipped.end(), folded.skipped.begin(), folded.skipped.end());
  }

  kept_bytes_ += page->page.buffer_bytes;
  if (all_kept_ && kept_bytes_ > limits::kept_pages_bytes_max) {
    all_kept_ = false;
    kept_.clear();
  }
  if (all_kept_) kept_.push_back(page);
}

std::size_t OpenBatch::bytes() const {
  std::size_t bytes = 0;
  for (const Batch::Projection& projection : batch_.projections) bytes += projection.changes.bytes();
  return bytes;
}

void OpenBatch::restart() {
  after_ = batch_.last_position;
  ++batch_.number;
  clear();
}

void OpenBatch::drop() {
  clear();
}

void OpenBatch::clear() {
  batch_.events = 0;
  for (Batch::Projection& projection : batch_.projections) {
    projection.changes.clear();
    projection.skipped.clear();
    projection.applied = projection.ignored = projection.already_there = projection.events = 0;
  }
  types_.clear();
  kept_.clear();
  kept_bytes_ = 0;
  all_kept_ = true;
}

void OpenBatch::for_events(std::uint64_t begin, std::uint64_t end, const Visit& visit) const {
  std::uint64_t first = 0;  // the batch's number of a page's first event
  auto part = [&](const Page& page, const ParsedPage& parsed) {
    const std::uint64_t size = page.events.size();
    const std::uint64_t from = std::max(begin, first);
    const std::uint64_t to = std::min(end, first + size);
    if (from < to) visit(page, parsed, from - first, to - first);
    first += size;
  };
  if (all_kept_) {
    for (const PagePtr& page : kept_) part(page->page, page->parsed);
    return;
  }
  const auto source = stages_.source.again(after_, batch_.last_position);
  while (const auto page = source->next(limits::page_events_max)) part(*page, stages_.parser.parse(*page));
  if (first != batch_.events)
    throw RunError("the event store changed while the batch was applied: its " + std::to_string(batch_.events) +
                   " events are now " + std::to_string(first) + "; run the rebuild again");
}

Batch::Part OpenBatch::fold_again(std::size_t projection, std::uint64_t begin, std::uint64_t end) const {
  Batch::Part part{ChangeSet(projectors_[projection].projector->table()), 0};
  for_events(begin, end, [&](const Page& page, const ParsedPage& parsed, std::size_t from, std::size_t to) {
    auto folded = fold(projectors_[projection], stages_.parser, page, parsed, from, to, on_error_, false);
    if (folded->failure) std::rethrow_exception(folded->failure->cause);
    part.changes.append(std::move(folded->changes));
    part.applied += folded->applied;
  });
  return part;
}

DeadLetter OpenBatch::event_at(std::uint64_t index) const {
  DeadLetter result;
  for_events(index, index + 1, [&](const Page& page, const ParsedPage&, std::size_t at, std::size_t) {
    result = {std::string(page.events[at].event_id), page.events[at].owned_position(), ""};
  });
  return result;
}

}  // namespace rebuild_projection

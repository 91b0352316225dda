#include "pipeline/open_batch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "pipeline/error.h"
#include "pipeline/limits.h"

namespace rebuild_projection {

void EventTypes::add(const Page& page, std::size_t begin, std::size_t end) {
  of_page_.assign(page.types.size(), 0);
  for (std::size_t index = begin; index < end; ++index) ++of_page_[page.events[index].type_number];
  for (std::size_t number = 0; number < of_page_.size(); ++number) {
    if (of_page_[number] == 0) continue;
    const std::string_view type = page.types[number];
    auto found = counts_.find(type);
    if (found == counts_.end()) found = counts_.emplace(type, 0).first;
    found->second += of_page_[number];
  }
}

void EventTypes::add_to(std::map<std::string, std::uint64_t>& totals) const {
  for (const auto& [type, count] : counts_) totals[type] += count;
}

OpenBatch::OpenBatch(std::vector<RunProjector> projectors, const Stages& stages, const RunOptions& options)
    : projectors_(std::move(projectors)),
      stages_(stages),
      on_error_(options.on_error),
      spill_directory_(options.spill_directory),
      shares_(options.memory_bytes_max) {
  for (const RunProjector& run_projector : projectors_)
    batch_.projections.push_back(
        {run_projector.projector, ChangeSet(run_projector.projector->table()), {}, 0, 0, 0, 0});
  batch_.fold_again = [this](std::size_t projection, std::uint64_t begin, std::uint64_t end) {
    return fold_again(projection, begin, end);
  };
  batch_.event_at = [this](std::uint64_t index) { return event_at(index); };
}

void OpenBatch::add(const PagePtr& page, std::size_t piece) {
  const auto [begin, end, ends_batch] = page->pieces[piece];
  for (std::size_t index = 0; index < projectors_.size(); ++index) {
    Batch::Projection& projection = batch_.projections[index];
    Folded& folded = page->folded[index][piece];
    projection.applied += folded.applied;
    projection.ignored += folded.ignored;
    projection.already_there += folded.already_there;
    projection.events += end - begin - folded.already_there;
    projection.skipped.insert(projection.skipped.end(), folded.skipped.begin(), folded.skipped.end());
    if (ends_batch) projection.changes = std::move(folded.changes.value());
  }
  if (begin == end) return;
  const std::vector<StoredEvent>& events = page->page.events;
  if (batch_.events == 0) batch_.first_position = events[begin].owned_position();
  batch_.events += end - begin;
  batch_.last_position = events[end - 1].owned_position();
  batch_.last_event_id = events[end - 1].event_id.text();
  batch_.last_ts = events[end - 1].ts.optional_text();
  types_.add(page->page, begin, end);

  kept_bytes_ += bytes_of(page->page, page->parsed) * (end - begin) / events.size();
  if (all_kept_ && kept_bytes_ > shares_.kept_pages) {
    all_kept_ = false;
    kept_.clear();
  }
  if (all_kept_) kept_.push_back({page, begin, end});
}

void OpenBatch::complete(std::size_t projection, ChangeSet&& changes) {
  batch_.projections[projection].changes = std::move(changes);
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
  std::uint64_t first = 0;  // the batch's number of a piece's first event
  auto part = [&](const Page& page, const ParsedPage& parsed, std::size_t from, std::size_t to) {
    const std::uint64_t size = to - from;
    const std::uint64_t begins = std::max(begin, first);
    const std::uint64_t ends = std::min(end, first + size);
    if (begins < ends) visit(page, parsed, from + begins - first, from + ends - first);
    first += size;
  };
  if (all_kept_) {
    for (const Kept& kept : kept_) part(kept.page->page, kept.page->parsed, kept.begin, kept.end);
    return;
  }
  const auto source = stages_.source.again(after_, batch_.last_position);
  PageSequence pages(*source);
  while (const auto page = pages.next(limits::page_events_max))
    part(*page, stages_.parser.parse(*page), 0, page->events.size());
  if (first != batch_.events)
    throw RunError("the event store changed while the batch was applied: its " + std::to_string(batch_.events) +
                   " events are now " + std::to_string(first) + "; run the rebuild again");
}

Batch::Part OpenBatch::fold_again(std::size_t projection, std::uint64_t begin, std::uint64_t end) const {
  Batch::Part part{ChangeSet(projectors_[projection].projector->table()), 0};
  for_events(begin, end, [&](const Page& page, const ParsedPage& parsed, std::size_t from, std::size_t to) {
    const Folded folded =
        fold(projectors_[projection], stages_.parser, page, parsed, from, to, on_error_, false, part.changes);
    if (folded.failure) std::rethrow_exception(folded.failure->cause);
    part.applied += folded.applied;
    if (end - begin > 1 && part.changes.bytes() > shares_.changes) spill(part.changes);
  });
  return part;
}

void OpenBatch::spill(ChangeSet& changes) const {
  try {
    changes.spill(spill_directory_);
  } catch (const std::system_error& error) {
    spdlog::warn("{}: what is written again takes more than --max-memory", error.what());
  }
}

DeadLetter OpenBatch::event_at(std::uint64_t index) const {
  DeadLetter result;
  for_events(index, index + 1, [&](const Page& page, const ParsedPage&, std::size_t at, std::size_t) {
    result = {page.events[at].event_id.text(), page.events[at].owned_position(), ""};
  });
  return result;
}

}  // namespace rebuild_projection

#include "pipeline/open_batch.h"

#include <utility>

#include "pipeline/error.h"
#include "pipeline/page_walk.h"

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
    : projectors_(std::move(projectors)), stages_(stages), options_(options), shares_(options.memory_bytes_max) {
  for (const RunProjector& run_projector : projectors_)
    batch_.projections.push_back(
        {run_projector.projector, ChangeSet(run_projector.projector->table()), {}, 0, 0, 0, 0});
  batch_.for_changes = [this](const Batch::WantedRows& wanted, const Batch::Visit& visit) {
    for_changes(wanted, visit);
  };
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

void OpenBatch::for_pieces(const VisitPiece& visit) const {
  if (all_kept_) {
    for (const Kept& kept : kept_)
      if (!visit(kept.page->page, kept.page->parsed, kept.begin, kept.end)) return;
    return;
  }
  const auto source = stages_.source.again(after_, batch_.last_position);
  walk_pages(*source, stages_.parser, options_,
             [&](const Page& page, const ParsedPage& parsed) { return visit(page, parsed, 0, page.events.size()); });
}

void OpenBatch::for_changes(const Batch::WantedRows& wanted, const Batch::Visit& visit) const {
  std::uint64_t first = 0;  // the batch's number of a piece's first event
  bool goes_on = true;
  for_pieces([&](const Page& page, const ParsedPage& parsed, std::size_t begin, std::size_t end) {
    for (std::size_t projection = 0; projection < projectors_.size() && goes_on; ++projection) {
      if (!wanted[projection]) continue;
      goes_on = fold_each(projectors_[projection], stages_.parser, page, parsed, begin, end, wanted[projection],
                          [&](std::size_t index, const ChangeSet& changes) {
                            return visit(projection, first + index - begin, page.events[index], changes);
                          });
    }
    first += end - begin;
    return goes_on;
  });
  if (goes_on && first != batch_.events)
    throw RunError("the event store changed while the batch was applied: its " + std::to_string(batch_.events) +
                   " events are now " + std::to_string(first) + "; run the rebuild again");
}

}  // namespace rebuild_projection

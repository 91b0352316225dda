#include "pipeline/engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "pipeline/error.h"
#include "pipeline/fold.h"
#include "pipeline/graph.h"
#include "pipeline/limits.h"
#include "pipeline/machine.h"
#include "pipeline/memory_shares.h"
#include "pipeline/open_batch.h"
#include "pipeline/payload_watch.h"
#include "pipeline/run_report.h"

namespace rebuild_projection {

namespace {

bool is_cancellation(const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const Cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// One run: the bodies of the graph's stages and what they share. `find_` members belong to the stage that finds pages,
/// `cut_` members to the one that cuts them into batches, `open_[n]` to the apply stage of projector n, and `commit_`
/// members and `report_` to the commit stage; the rest is constant or atomic.
class Run {
 public:
  Run(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
      Progress& progress, std::stop_token stop, const std::vector<std::size_t>& first_stretches)
      : options_(options),
        projectors_(numbered(projectors, first_stretches)),
        stages_(stages),
        progress_(progress),
        stop_(std::move(stop)),
        commit_batch_(projectors_, stages, options_),
        report_(options_, projectors_, progress) {
    for (const Projector* projector : projectors) open_.push_back(std::make_unique<OpenChanges>(projector->table()));
  }

  Report go() {
    const auto begin = std::chrono::steady_clock::now();
    progress_.running = true;
    try {
      run_graph({.tokens = options_.tokens,
                 .readers = options_.readers,
                 .workers = options_.workers,
                 .projectors = projectors_.size()},
                {.find = [this](const PagePtr& left_over) { return find(left_over); },
                 .read = [this](PageInFlight& page) { read(page); },
                 .parse = [this](PageInFlight& page) { parse(page); },
                 .cut = [this](PageInFlight& page) { cut(page); },
                 .apply = [this](PageInFlight& page, std::size_t projector) { apply(page, projector); },
                 .commit =
                     [this](const PagePtr& page) {
                       commit(page);
                       if (!page->page.rest) --pages_in_flight_;  // not earlier: the token is out until here
                     }});
    } catch (...) {  // no body throws, unless memory ran out between them
      fail_batch("", 0, cause_of(std::current_exception()));
    }
    if (!ended_ && !commit_batch_.empty()) {  // the last batch, which no page had to end
      for (std::size_t index = 0; index < open_.size(); ++index)
        commit_batch_.complete(index, std::move(open_[index]->changes));
      commit_guarded();
    }
    progress_.running = false;
    const Ending unless_ended = find_exhausted_          ? Ending::complete
                                : stop_.stop_requested() ? Ending::cancelled
                                                         : Ending::incomplete;
    return report_.finish(unless_ended, cut_early_, std::chrono::steady_clock::now() - begin);
  }

 private:
  /// What a projector made so far of the batch that is open in its stage.
  struct OpenChanges {
    explicit OpenChanges(const TableLayout& table) : changes(table) {}
    ChangeSet changes;
    std::atomic<std::size_t> bytes{0};
  };

  static std::vector<RunProjector> numbered(const std::vector<const Projector*>& projectors,
                                            const std::vector<std::size_t>& first_stretches) {
    std::vector<RunProjector> result;
    for (std::size_t index = 0; index < projectors.size(); ++index)
      result.push_back({projectors[index], index, index < first_stretches.size() ? first_stretches[index] : 0});
    return result;
  }

  [[nodiscard]] bool dry() const { return options_.mode == Mode::dry_run; }

  // ---- find: one call at a time

  PagePtr find(const PagePtr& left_over) {
    if (ended_ || stop_.stop_requested()) return nullptr;
    auto result = std::make_shared<PageInFlight>();
    if (left_over) {
      result->place = {left_over->place.number, left_over->place.part + 1};
      result->read = std::move(left_over->page.rest);
      return result;
    }
    if (find_ended_) return nullptr;
    std::uint64_t wanted = limits::page_events_max;
    if (options_.max_events != 0) wanted = std::min(wanted, options_.max_events - find_events_);
    if (wanted == 0) {  // --max-events is reached
      find_ended_ = true;
      return nullptr;
    }
    try {
      auto found = stages_.source.next(wanted);
      if (!found) {
        find_ended_ = find_exhausted_ = true;
        return nullptr;
      }
      find_events_ += found->events;
      result->read = std::move(found->read);
      // With every token out, nothing is asked for until a commit is through; after the last event, never again.
      const bool last = options_.max_events != 0 && find_events_ >= options_.max_events;
      if (last || pages_in_flight_ + 1 >= options_.tokens) stages_.source.pause();
    } catch (...) {
      result->failure = Failure{std::current_exception(), "", std::nullopt};
      find_ended_ = true;
    }
    ++pages_in_flight_;
    result->place.number = find_pages_++;
    return result;
  }

  // ---- read: several pages at once

  void read(PageInFlight& flight) {
    if (ended_ || flight.failure) return;
    const Progress::Busy busy(progress_, Stage::read);
    try {
      flight.page = std::exchange(flight.read, nullptr)();
      progress_.events_read += flight.page.events.size();
    } catch (...) {
      flight.failure = Failure{std::current_exception(), "", std::nullopt};
    }
  }

  // ---- parse: several pages at once

  void parse(PageInFlight& flight) {
    if (ended_ || flight.failure) return;
    const Progress::Busy busy(progress_, Stage::parse);
    try {
      flight.folded.resize(projectors_.size());
      flight.parsed = stages_.parser.parse(flight.page);
    } catch (...) {
      flight.failure = Failure{std::current_exception(), "", std::nullopt};
    }
  }

  // ---- cut into batches: one call at a time, in order

  void cut(PageInFlight& flight) {
    if (ended_ || flight.failure) return;
    std::vector<StoredEvent>& events = flight.page.events;
    if (options_.max_events != 0 && cut_events_ + events.size() > options_.max_events) {
      events.resize(options_.max_events - cut_events_);  // committed since the page was found
      flight.page.rest = nullptr;
    }
    cut_events_ += events.size();
    if (cut_in_batch_ > 0 && changes_bytes() > shares_.changes && !spills_) {
      flight.pieces.push_back({0, 0, true});
      cut_in_batch_ = 0;
      ++cut_early_;
    }
    for (std::size_t begin = 0; begin < events.size();) {
      const std::size_t size = std::min<std::uint64_t>(events.size() - begin, options_.batch_events - cut_in_batch_);
      cut_in_batch_ += size;
      const bool full = cut_in_batch_ == options_.batch_events;
      flight.pieces.push_back({begin, begin + size, full});
      if (full) cut_in_batch_ = 0;
      begin += size;
    }
  }

  /// What the apply stages hold in memory of the batch that is open there. They may be some pages behind.
  [[nodiscard]] std::size_t changes_bytes() const {
    std::size_t bytes = 0;
    for (const auto& open : open_) bytes += open->bytes;
    return bytes;
  }

  // ---- apply: several projectors at once, each one call at a time, in order

  void apply(PageInFlight& flight, std::size_t projector) {
    if (ended_ || flight.failure) return;
    const Progress::Busy busy(progress_, Stage::apply);
    OpenChanges& open = *open_[projector];
    std::vector<Folded>& folds = flight.folded[projector];
    folds.reserve(flight.pieces.size());
    for (const Piece& piece : flight.pieces) {
      try {
        if (stages_.watch != nullptr)
          stages_.watch->look(projectors_[projector], stages_.parser, flight.page, flight.parsed, piece.begin,
                              piece.end);
        folds.push_back(fold(projectors_[projector], stages_.parser, flight.page, flight.parsed, piece.begin, piece.end,
                             options_.on_error, dry(), open.changes));
        if (folds.back().failure) break;
        if (piece.ends_batch)
          folds.back().changes = std::exchange(open.changes, ChangeSet(projectors_[projector].projector->table()));
      } catch (...) {
        if (folds.size() == flight.pieces.size()) folds.pop_back();
        Folded& failed = folds.emplace_back();
        failed.failure = Failure{std::current_exception(), projectors_[projector].projector->name(), std::nullopt};
        break;
      }
    }
    open.bytes = open.changes.bytes();
    if (spills_ && changes_bytes() > shares_.changes && open.bytes >= shares_.changes / open_.size()) spill(open);
  }

  void spill(OpenChanges& open) {
    try {
      open.changes.spill(options_.spill_directory);
      open.bytes = 0;
    } catch (const std::exception& error) {
      if (spills_.exchange(false)) spdlog::warn("{}: from now on the memory bound closes batches early", error.what());
    }
  }

  // ---- commit: one call at a time, in order

  void commit(const PagePtr& flight) {
    if (ended_) return;
    if (flight->failure) return fail_page(*flight, *flight->failure, {0, flight->page.events.size()});
    const Progress::Busy busy(progress_, Stage::commit);
    for (std::size_t piece = 0; piece < flight->pieces.size() && !ended_; ++piece) {
      if (const Failure* failure = first_failure(*flight, piece))
        return fail_page(*flight, *failure, flight->pieces[piece]);
      commit_batch_.add(flight, piece);
      if (flight->pieces[piece].ends_batch) commit_guarded();
    }
  }

  static const Failure* first_failure(const PageInFlight& flight, std::size_t piece) {
    const Failure* first = nullptr;
    for (const auto& folds : flight.folded)
      if (const auto& failure = folds.at(piece).failure; failure && (first == nullptr || failure->event < first->event))
        first = &*failure;
    return first;
  }

  void commit_guarded() {
    if (stop_.stop_requested()) return end(Ending::cancelled, "");
    const Batch& batch = commit_batch_.batch();
    try {
      Committed committed;
      if (dry()) {
        spdlog::debug("DRY_RUN would apply {} events", batch.events);
        committed.projections.resize(projectors_.size());
      } else {
        committed = stages_.sink->commit(batch);
      }
      report_.count(batch, committed, commit_batch_.types());
      commit_batch_.restart();
    } catch (const RefusedEvent& refused) {
      fail_batch(refused.projection, 0, sentence(refused.projection, refused.event, refused.what()));
    } catch (const Cancelled& error) {
      end(Ending::cancelled, std::string("the batch being committed did not finish: ") + error.what());
    } catch (...) {
      fail_batch("", 0,
                 "batch " + std::to_string(batch.number) + ", events at " + to_string(batch.first_position) + " to " +
                     to_string(batch.last_position) + ": " + cause_of(std::current_exception()));
    }
  }

  // ---- how a run ends before its events do

  /// `piece` is what of the page cannot be committed, up to the end of the batch or the page.
  void fail_page(const PageInFlight& flight, const Failure& failure, const Piece& piece) {
    // A Cancelled that a projector threw is an event's failure like any other.
    if (!failure.event && is_cancellation(failure.cause)) return end(Ending::cancelled, "");
    EventTypes types;
    types.add(flight.page, piece.begin, piece.end);
    report_.roll_back("", 0, types);
    fail_batch(failure.event ? failure.projection : "", piece.end - piece.begin, text_of(failure, flight.page));
  }

  [[nodiscard]] std::string text_of(const Failure& failure, const Page& page) const {
    const std::string cause = cause_of(failure.cause);
    if (failure.event) {
      const StoredEvent& event = page.events[*failure.event];
      return sentence(failure.projection, {event.event_id.text(), event.owned_position(), ""}, cause);
    }
    if (!page.events.empty())
      return "events at " + to_string(page.events.front().owned_position()) + " to " +
             to_string(page.events.back().owned_position()) + ": " + cause;
    if (report_.last_position())
      return "reading the events after " + to_string(*report_.last_position()) + ": " + cause;
    return "reading the event store: " + cause;
  }

  /// Rolls the open batch back, with `more` events that had reached this stage but not the batch. One of the events is
  /// to blame if `projection` is named.
  void fail_batch(const std::string& projection, std::uint64_t more, const std::string& text) {
    report_.roll_back(projection, commit_batch_.events() + more, commit_batch_.types());
    ++progress_.errors;
    end(Ending::failed, text);
  }

  void end(Ending ending, const std::string& detail) {
    ended_ = true;
    commit_batch_.drop();
    report_.end(ending, detail);
  }

  const RunOptions options_;
  const MemoryShares shares_{options_.memory_bytes_max};
  const std::vector<RunProjector> projectors_;
  const Stages stages_;
  Progress& progress_;
  const std::stop_token stop_;

  std::atomic<bool> ended_{false};  ///< nothing more is committed
  std::atomic<unsigned> pages_in_flight_{0};

  std::uint64_t find_pages_ = 0, find_events_ = 0;
  bool find_ended_ = false;      ///< no further page
  bool find_exhausted_ = false;  ///< because the range is

  std::uint64_t cut_events_ = 0, cut_in_batch_ = 0;
  std::uint64_t cut_early_ = 0;  ///< batches closed by the memory bound

  std::vector<std::unique_ptr<OpenChanges>> open_;
  std::atomic<bool> spills_{true};  ///< there is room for temporary files, as far as is known

  OpenBatch commit_batch_;
  RunReport report_;
};

}  // namespace

Report run_pipeline(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
                    Progress& progress, const std::stop_token& stop, const std::vector<std::size_t>& first_stretches) {
  return Run(with_defaults(options), projectors, stages, progress, stop, first_stretches).go();
}

}  // namespace rebuild_projection

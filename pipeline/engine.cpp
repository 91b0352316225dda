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

namespace rebuild_projection {

namespace {

std::string text_of(const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const std::bad_alloc&) {
    return "out of memory; lower --max-memory, --tokens or --batch-size";
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown error";
  }
}

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
/// members and the report to the commit stage; the rest is constant or atomic.
class Run {
 public:
  Run(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
      Progress& progress, std::stop_token stop, const std::vector<std::size_t>& first_stretches)
      : options_(options),
        projectors_(numbered(projectors, first_stretches)),
        stages_(stages),
        progress_(progress),
        stop_(std::move(stop)),
        commit_batch_(projectors_, stages, options_) {
    for (const Projector* projector : projectors) {
      Report::Projection projection;
      projection.name = projector->name();
      projection.table = projector->table().name;
      projection.version = projector->version();
      report_.projections.push_back(std::move(projection));
      open_.push_back(std::make_unique<OpenChanges>(projector->table()));
    }
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
      fail_batch("", 0, text_of(std::current_exception()));
    }
    if (!ended_ && !commit_batch_.empty()) {  // the last batch, which no page had to end
      for (std::size_t index = 0; index < open_.size(); ++index)
        commit_batch_.complete(index, std::move(open_[index]->changes));
      commit_guarded();
    }
    progress_.running = false;
    report_.seconds = std::chrono::steady_clock::now() - begin;
    finish_report();
    return std::move(report_);
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
      count_batch(batch, committed);
      commit_batch_.restart();
    } catch (const RefusedEvent& refused) {
      fail_batch(refused.projection, 0, sentence(refused.projection, refused.event, refused.what()));
    } catch (const Cancelled& error) {
      end(Ending::cancelled, std::string("the batch being committed did not finish: ") + error.what());
    } catch (...) {
      fail_batch("", 0,
                 "batch " + std::to_string(batch.number) + ", events at " + to_string(batch.first_position) + " to " +
                     to_string(batch.last_position) + ": " + text_of(std::current_exception()));
    }
  }

  void count_batch(const Batch& batch, const Committed& committed) {
    for (std::size_t index = 0; index < projectors_.size(); ++index) {
      Report::Projection& total = report_.projections[index];
      const Batch::Projection& part = batch.projections[index];
      const Committed::Projection& done = committed.projections[index];
      total.applied += part.applied - done.refused;
      total.ignored += part.ignored;
      total.already_there += part.already_there;
      total.skipped += part.skipped.size() + done.refused;
      total.rows_written += done.rows_written;
      total.rows_deleted += done.rows_deleted;
      report_.spilled_bytes += part.changes.spilled_bytes();
      progress_.errors += part.skipped.size() + done.refused;
    }
    commit_batch_.types().add_to(report_.events_by_type);
    if (!report_.first_position) report_.first_position = batch.first_position;
    report_.last_position = batch.last_position;
    report_.last_event_id = batch.last_event_id;
    report_.events_read += batch.events;
    ++report_.batches;
    progress_.events_done = report_.events_read;
    progress_.batches = report_.batches;
  }

  // ---- how a run ends before its events do

  static std::string sentence(const std::string& projection, const DeadLetter& event, const std::string& cause) {
    return (projection.empty() ? "" : "projection " + projection + ", ") + "event " + event.event_id + " at " +
           to_string(event.position) + ": " + cause;
  }

  /// `piece` is what of the page cannot be committed, up to the end of the batch or the page.
  void fail_page(const PageInFlight& flight, const Failure& failure, const Piece& piece) {
    if (is_cancellation(failure.cause)) return end(Ending::cancelled, "");
    std::string text = text_of(failure.cause);
    if (failure.event) {
      const StoredEvent& event = flight.page.events[*failure.event];
      text = sentence(failure.projection, {std::string(event.event_id), event.owned_position(), ""}, text);
    } else if (!flight.page.events.empty()) {
      text = "events at " + to_string(flight.page.events.front().owned_position()) + " to " +
             to_string(flight.page.events.back().owned_position()) + ": " + text;
    } else if (report_.last_position) {
      text = "reading the events after " + to_string(*report_.last_position) + ": " + text;
    } else {
      text = "reading the event store: " + text;
    }
    EventTypes types;
    types.add(flight.page, piece.begin, piece.end);
    types.add_to(report_.events_by_type);
    fail_batch(failure.event ? failure.projection : "", piece.end - piece.begin, text);
  }

  /// Rolls the open batch back, with `more` events that had reached this stage but not the batch. One of the events is
  /// to blame if `projection` is named.
  void fail_batch(const std::string& projection, std::uint64_t more, const std::string& text) {
    const std::uint64_t events = commit_batch_.events() + more;
    commit_batch_.types().add_to(report_.events_by_type);
    report_.events_read += events;
    for (Report::Projection& total : report_.projections) {
      total.errors += total.name == projection ? 1 : 0;
      total.rolled_back += events - (total.name == projection ? 1 : 0);
    }
    ++progress_.errors;
    end(Ending::failed, text);
  }

  void end(Ending ending, const std::string& detail) {
    ended_ = true;
    commit_batch_.drop();
    report_.ending = ending;
    report_.ending_detail = detail;
  }

  void finish_report() {
    report_.mode = options_.mode;
    report_.batch_events = options_.batch_events;
    report_.tokens = options_.tokens;
    report_.workers = options_.workers;
    report_.readers = options_.readers;
    report_.batches_closed_early = cut_early_;
    if (!ended_) {
      if (find_exhausted_)
        report_.ending = Ending::complete;
      else
        report_.ending = stop_.stop_requested() ? Ending::cancelled : Ending::incomplete;
    }
    report_.stage_threads = {options_.readers, options_.workers, static_cast<unsigned>(projectors_.size()), 1};
    for (std::size_t stage = 0; stage < all_stages.size(); ++stage)
      report_.busy_seconds[stage] = static_cast<double>(progress_.busy_nanoseconds[stage].load()) * 1e-9;
    if (report_.events_read == 0) return;  // no type occurred, which says nothing about the files
    for (std::size_t index = 0; index < projectors_.size(); ++index)
      for (const std::string& type : projectors_[index].projector->event_types())
        if (!report_.events_by_type.contains(type)) report_.projections[index].types_never_seen.push_back(type);
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
  Report report_;
};

}  // namespace

Report run_pipeline(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
                    Progress& progress, const std::stop_token& stop, const std::vector<std::size_t>& first_stretches) {
  return Run(with_defaults(options), projectors, stages, progress, stop, first_stretches).go();
}

}  // namespace rebuild_projection

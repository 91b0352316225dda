#include "pipeline/engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "pipeline/error.h"
#include "pipeline/fold.h"
#include "pipeline/graph.h"
#include "pipeline/limits.h"
#include "pipeline/machine.h"
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

/// One run: the bodies of the graph's stages and what they share. `read_` members belong to the read stage, `commit_`
/// members to the commit stage; the rest is constant or atomic.
class Run {
 public:
  Run(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
      Progress& progress, std::stop_token stop, const std::vector<std::size_t>& first_stretches)
      : options_(options),
        projectors_(numbered(projectors, first_stretches)),
        stages_(stages),
        progress_(progress),
        stop_(std::move(stop)),
        commit_batch_(projectors_, stages, options.on_error) {
    for (const Projector* projector : projectors) {
      Report::Projection projection;
      projection.name = projector->name();
      projection.table = projector->table().name;
      projection.version = projector->version();
      report_.projections.push_back(std::move(projection));
    }
  }

  Report go() {
    const auto begin = std::chrono::steady_clock::now();
    progress_.running = true;
    try {
      run_graph({.tokens = options_.tokens, .workers = options_.workers, .projectors = dry() ? 0 : projectors_.size()},
                {.read = [this] { return read(); },
                 .parse = [this](PageInFlight& page) { parse(page); },
                 .apply = [this](PageInFlight& page, std::size_t projector) { apply(page, projector); },
                 .commit =
                     [this](const PagePtr& page) {
                       commit(page);
                       --pages_in_flight_;  // not earlier: the token is out until here, and read counts on that
                     }});
    } catch (...) {  // no body throws, unless memory ran out between them
      fail_batch("", 0, text_of(std::current_exception()));
    }
    if (!ended_ && !commit_batch_.empty()) commit_guarded();  // the last batch, which no page had to end
    progress_.running = false;
    report_.seconds = std::chrono::steady_clock::now() - begin;
    finish_report();
    return std::move(report_);
  }

 private:
  static std::vector<RunProjector> numbered(const std::vector<const Projector*>& projectors,
                                            const std::vector<std::size_t>& first_stretches) {
    std::vector<RunProjector> result;
    for (std::size_t index = 0; index < projectors.size(); ++index)
      result.push_back({projectors[index], index, index < first_stretches.size() ? first_stretches[index] : 0});
    return result;
  }

  [[nodiscard]] bool dry() const { return options_.mode != Mode::apply; }

  // ---- read: one call at a time

  PagePtr read() {
    if (ended_ || stop_.stop_requested() || read_ended_) return nullptr;
    const Progress::Busy busy(progress_, Stage::read);
    std::uint64_t wanted = options_.batch_events - read_in_batch_;
    if (options_.max_events != 0) wanted = std::min(wanted, options_.max_events - read_events_);
    wanted = std::min<std::uint64_t>(wanted, limits::page_events_max);
    if (wanted == 0) {  // --max-events is reached
      read_ended_ = true;
      return nullptr;
    }
    auto result = std::make_shared<PageInFlight>();
    try {
      if (auto page = stages_.source.next(wanted))
        result->page = std::move(*page);
      else
        read_ended_ = true;
      // With every token out, nothing is asked for until a commit is through; after the last event, never again.
      const bool last = options_.max_events != 0 && read_events_ + result->page.events.size() >= options_.max_events;
      if (!read_ended_ && (last || pages_in_flight_ + 1 >= options_.tokens)) stages_.source.pause();
    } catch (...) {
      result->page.failure = Failure{std::current_exception(), "", std::nullopt};
      read_ended_ = true;
    }
    if (read_ended_ && !result->page.failure) {
      read_exhausted_ = true;
      return nullptr;
    }
    ++pages_in_flight_;
    result->page.number = read_pages_++;
    result->page.batch = read_batches_;
    read_events_ += result->page.events.size();
    read_in_batch_ += result->page.events.size();
    if (read_in_batch_ == options_.batch_events) {
      result->page.ends_batch = true;
      read_in_batch_ = 0;
      ++read_batches_;
    }
    progress_.events_read = read_events_;
    return result;
  }

  // ---- parse: several pages at once

  void parse(PageInFlight& flight) {
    if (ended_ || flight.page.failure) return;
    const Progress::Busy busy(progress_, Stage::parse);
    try {
      count_types(flight);
      flight.folded.resize(projectors_.size());
      flight.parsed = stages_.parser.parse(flight.page);
      if (!dry()) return;
      for (const RunProjector& projector : projectors_)
        flight.folded[projector.index] = fold(projector, stages_.parser, flight.page, flight.parsed, 0,
                                              flight.page.events.size(), options_.on_error, true);
    } catch (...) {
      flight.page.failure = Failure{std::current_exception(), "", std::nullopt};
    }
  }

  static void count_types(PageInFlight& flight) {
    std::unordered_map<std::string_view, std::uint64_t> counts;
    for (const StoredEvent& event : flight.page.events) ++counts[event.type];
    flight.types.assign(counts.begin(), counts.end());
  }

  // ---- apply: several pages and projectors at once

  void apply(PageInFlight& flight, std::size_t projector) {
    if (ended_ || flight.page.failure) return;
    const Progress::Busy busy(progress_, Stage::apply);
    try {
      flight.folded[projector] = fold(projectors_[projector], stages_.parser, flight.page, flight.parsed, 0,
                                      flight.page.events.size(), options_.on_error, false);
    } catch (...) {
      auto failed = std::make_unique<Folded>(projectors_[projector].projector->table());
      failed->failure = Failure{std::current_exception(), projectors_[projector].projector->name(), std::nullopt};
      flight.folded[projector] = std::move(failed);
    }
  }

  // ---- commit: one call at a time, in page order

  void commit(const PagePtr& flight) {
    if (ended_) return;
    if (const Failure* failure = first_failure(*flight)) return fail_page(*flight, *failure);
    const Progress::Busy busy(progress_, Stage::commit);
    commit_batch_.add(flight);
    const bool full = commit_batch_.bytes() > options_.memory_bytes_max / 2;
    if (full && !flight->page.ends_batch) ++report_.batches_closed_early;
    if (flight->page.ends_batch || full) commit_guarded();
  }

  static const Failure* first_failure(const PageInFlight& flight) {
    if (flight.page.failure) return &*flight.page.failure;
    const Failure* first = nullptr;
    for (const auto& folded : flight.folded)
      if (folded->failure && (first == nullptr || folded->failure->event < first->event)) first = &*folded->failure;
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
      progress_.errors += part.skipped.size() + done.refused;
    }
    for (const auto& [type, count] : commit_batch_.types()) report_.events_by_type[type] += count;
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

  void fail_page(const PageInFlight& flight, const Failure& failure) {
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
    for (const auto& [type, count] : flight.types) report_.events_by_type[std::string(type)] += count;
    fail_batch(failure.event ? failure.projection : "", flight.page.events.size(), text);
  }

  /// Rolls the open batch back, with `more` events that had reached this stage but not the batch. One of the events is
  /// to blame if `projection` is named.
  void fail_batch(const std::string& projection, std::uint64_t more, const std::string& text) {
    const std::uint64_t events = commit_batch_.events() + more;
    for (const auto& [type, count] : commit_batch_.types()) report_.events_by_type[type] += count;
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
    report_.readers = 1;
    if (!ended_) {
      if (read_exhausted_)
        report_.ending = Ending::complete;
      else
        report_.ending = stop_.stop_requested() ? Ending::cancelled : Ending::incomplete;
    }
    const auto count = static_cast<unsigned>(projectors_.size());
    report_.stage_threads = {1, options_.workers, std::max(1U, std::min(options_.workers * count, options_.workers)),
                             1};
    for (std::size_t stage = 0; stage < all_stages.size(); ++stage)
      report_.busy_seconds[stage] = static_cast<double>(progress_.busy_nanoseconds[stage].load()) * 1e-9;
    if (report_.events_read == 0) return;  // no type occurred, which says nothing about the files
    for (std::size_t index = 0; index < projectors_.size(); ++index)
      for (const std::string& type : projectors_[index].projector->event_types())
        if (!report_.events_by_type.contains(type)) report_.projections[index].types_never_seen.push_back(type);
  }

  const RunOptions options_;
  const std::vector<RunProjector> projectors_;
  const Stages stages_;
  Progress& progress_;
  const std::stop_token stop_;

  std::atomic<bool> ended_{false};  ///< nothing more is committed
  std::atomic<unsigned> pages_in_flight_{0};

  std::uint64_t read_pages_ = 0, read_batches_ = 0, read_events_ = 0, read_in_batch_ = 0;
  bool read_ended_ = false;      ///< no further page
  bool read_exhausted_ = false;  ///< because the range is

  OpenBatch commit_batch_;
  Report report_;
};

}  // namespace

Report run_pipeline(const RunOptions& options, const std::vector<const Projector*>& projectors, const Stages& stages,
                    Progress& progress, const std::stop_token& stop, const std::vector<std::size_t>& first_stretches) {
  return Run(with_defaults(options), projectors, stages, progress, stop, first_stretches).go();
}

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/error.h"
#include "pipeline/page.h"
#include "pipeline/projector.h"

/// The three effects of a run, as the engine sees them: where pages come from, how payloads are read, where changes go.
/// PostgreSQL's are in stages/; the engine's own tests use memory.
namespace rebuild_projection {

/// A page that was found and is yet to be read.
struct UnreadPage {
  std::uint64_t events = 0;  ///< in it, at the most, as far as is known
  std::function<Page()>
      read;  ///< Called once, by any thread. Throws RunError, or Cancelled when a stop interrupted it.
};

/// Finds pages in position order; they may then be read several at once. next() and pause() are called by one thread at
/// a time.
class PageSource {
 public:
  PageSource() = default;
  PageSource(const PageSource&) = delete;
  PageSource& operator=(const PageSource&) = delete;
  virtual ~PageSource() = default;

  /// The next page, of `events_max` events (1 or more) or fewer, or nullopt at the end of the range. Throws RunError,
  /// or Cancelled when a stop interrupted the wait.
  virtual std::optional<UnreadPage> next(std::size_t events_max) = 0;

  /// Nothing will be asked for a while: let go of what costs others, such as a snapshot. next() goes on where it was.
  virtual void pause() {}

  /// The same events once more: those after `after` (nullopt: from the beginning of the range) up to `last`, from a
  /// source of its own, which may be used by another thread and must not outlive this one.
  virtual std::unique_ptr<PageSource> again(const std::optional<Position>& after, const Position& last) = 0;
};

/// The pages of a source, read one after the other by whoever asks.
class PageSequence {
 public:
  explicit PageSequence(PageSource& source) : source_(source) {}
  /// nullopt at the end of the range. The page before is no longer used.
  std::optional<Page> next(std::size_t events_max);

 private:
  PageSource& source_;
  std::function<Page()> rest_;
};

/// Reads payloads. Threads: parse() is called for several pages at once.
class PayloadParser {
 public:
  PayloadParser() = default;
  PayloadParser(const PayloadParser&) = delete;
  PayloadParser& operator=(const PayloadParser&) = delete;
  virtual ~PayloadParser() = default;

  /// Fills the values of every projector's Extraction, for the events that any of them handles. An event whose payload
  /// cannot be read, or that is in Page::unread, gets an entry in `errors`; nothing is thrown for it. The values of
  /// projector p lie at values_offset(p).
  virtual ParsedPage parse(const Page& page) const = 0;

  [[nodiscard]] virtual std::size_t values_per_event() const = 0;
  [[nodiscard]] virtual std::size_t elements_per_event() const = 0;
  [[nodiscard]] virtual std::size_t values_offset(std::size_t projector) const = 0;
  [[nodiscard]] virtual std::size_t elements_offset(std::size_t projector) const = 0;
};

/// A batch on its way into the database.
struct Batch {
  std::uint64_t number = 0;  ///< dense from 0, counting transactions
  std::uint64_t events = 0;
  Position first_position;
  Position last_position;
  std::string last_event_id;
  std::optional<std::string> last_ts;

  struct Projection {
    const Projector* projector = nullptr;
    ChangeSet changes;
    std::vector<DeadLetter> skipped;
    std::uint64_t applied = 0;  ///< events of this batch
    std::uint64_t ignored = 0;
    std::uint64_t already_there = 0;
    std::uint64_t events = 0;  ///< of this batch that are new to the projection: all but those already there
  };
  std::vector<Projection> projections;  ///< in the order of the run's projectors

  /// For each projection: whether it is asked for a row, by its canonical key; empty where it is asked for none.
  using WantedRows = std::vector<std::function<bool(std::string_view key)>>;
  /// Gets an event, by its number in the batch, and all that it changes of one projection. False ends the walk.
  using Visit = std::function<bool(std::size_t projection, std::uint64_t number, const StoredEvent& event,
                                   const ChangeSet& changes)>;
  /// Folds the batch's events once more, each alone, and calls `visit` with those that change a wanted row, for each
  /// projection in their order. Events that were skipped are left out. Where the batch's pages are no longer kept, its
  /// range is read from the store, once.
  std::function<void(const WantedRows& wanted, const Visit& visit)> for_changes;
};

/// What a commit did, per projection.
struct Committed {
  struct Projection {
    std::uint64_t rows_written = 0;
    std::uint64_t rows_deleted = 0;
    std::vector<DeadLetter> refused = {};  ///< events that the database refused (on-error skip); they are recorded
  };
  std::vector<Projection> projections;
};

/// An event that the database refused while errors stop the run.
struct RefusedEvent : RunError {
  RefusedEvent(std::string in_projection, DeadLetter refused)
      : RunError(refused.error), projection(std::move(in_projection)), event(std::move(refused)) {}
  std::string projection;
  DeadLetter event;
};

/// Where batches go. Called by one thread at a time, in order.
class BatchSink {
 public:
  BatchSink() = default;
  BatchSink(const BatchSink&) = delete;
  BatchSink& operator=(const BatchSink&) = delete;
  virtual ~BatchSink() = default;

  /// Writes and commits one batch in one transaction: rows, checkpoints and dead letters of every projection, or
  /// nothing at all. Throws RunError (RefusedEvent where one event is to blame), or Cancelled.
  virtual Committed commit(const Batch& batch) = 0;
};

class PayloadWatch;

struct Stages {
  PageSource& source;
  const PayloadParser& parser;
  BatchSink* sink = nullptr;      ///< null in DRY_RUN
  PayloadWatch* watch = nullptr;  ///< looks at every event that is folded, in every mode; null: nobody does
};

}  // namespace rebuild_projection

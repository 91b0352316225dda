#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/comparison.h"
#include "pipeline/event.h"
#include "pipeline/options.h"
#include "pipeline/progress.h"
#include "pipeline/publication.h"
#include "pipeline/row_history.h"

namespace rebuild_projection {

/// Why a run ended.
enum class Ending : std::uint8_t {
  complete,    ///< every event in range was processed
  partial,     ///< the same, but the range leaves out events that come before others of it: no position says which
  incomplete,  ///< --max-events was reached first
  failed,      ///< an error stopped it
  cancelled,   ///< a signal stopped it
};
std::string_view name_of(Ending ending);

/// What a run did; everything the summary says. A plain value.
struct Report {
  struct Projection {
    std::string name;
    std::string table;  ///< as the database names it
    int version = 1;
    /// events_read = applied + ignored + already_there + skipped + errors + rolled_back. In DRY_RUN `applied` counts
    /// what would be.
    std::uint64_t applied = 0;
    std::uint64_t ignored = 0;
    std::uint64_t already_there = 0;  ///< events before its checkpoint, read for another projection
    std::uint64_t skipped = 0;
    std::uint64_t errors = 0;       ///< events that stopped the run: 0 or 1
    std::uint64_t rolled_back = 0;  ///< other events of the batch that was rolled back
    std::uint64_t rows_written = 0;
    std::uint64_t rows_deleted = 0;
    std::uint64_t rows_cleared = 0;
    std::vector<DeadLetter> dead_letters;       ///< those that were skipped; limits::skipped_kept_max at most
    std::uint64_t skipped_before = 0;           ///< recorded as skipped by the runs that built the rows VERIFY looks at
    std::vector<std::string> types_never_seen;  ///< event types it names that did not occur
    std::optional<Comparison> comparison;       ///< VERIFY's, where the run got that far
    std::optional<Publication> publication;     ///< of a shadow, where the run got that far

    /// Events that VERIFY's rows or the live ones lack: then they are not as all events say, however equal they are.
    [[nodiscard]] std::uint64_t left_out() const { return std::max(skipped, skipped_before); }
  };

  // What the run was.
  Mode mode = Mode::dry_run;
  std::uint64_t batch_events = 0;
  unsigned tokens = 0, workers = 0, readers = 0;
  std::string store;     ///< the store file's name
  std::string database;  ///< "name on host:port as role", without secrets
  std::string range;     ///< "all events", "events with ts >= …"

  // What it did.
  std::vector<Projection> projections;
  std::uint64_t events_in_range = 0;
  bool events_in_range_estimated = false;  ///< the planner's number: the run ended before they were counted
  std::string late_events;                 ///< whether an earlier event may yet be committed; empty: none can
  std::uint64_t retries = 0;               ///< of what was transient
  std::uint64_t events_read = 0;
  std::uint64_t bytes_read = 0;  ///< that the store's server sent for them
  std::map<std::string, std::uint64_t> events_by_type;
  std::optional<RowHistory> history;  ///< explain_row()'s
  std::uint64_t batches = 0;
  std::uint64_t batches_closed_early = 0;  ///< by the memory bound, where temporary files had no room
  std::uint64_t spilled_bytes = 0;         ///< of change sets, into temporary files
  std::optional<Position> first_position;
  std::optional<Position> last_position;  ///< up to which all events were processed
  std::string last_event_id;

  // What became of the shadows.
  bool shadow = false;                         ///< the rows were built in shadows
  bool published = false;                      ///< and are the live tables' now,
  std::optional<Position> published_position;  ///< with the events up to here; nullopt: there is none
  unsigned catch_up_rounds = 0;
  unsigned publish_tries = 0;
  std::chrono::duration<double> locked_seconds{0};  ///< for which writers were kept out of the live tables

  // How it went.
  Ending ending = Ending::complete;
  std::string ending_detail;  ///< one sentence: the error, or what to do next; empty if there is nothing to say
  std::vector<std::string> warnings;
  std::chrono::duration<double> seconds{0};  ///< while events flowed
  std::array<double, all_stages.size()> busy_seconds{};
  std::array<unsigned, all_stages.size()> stage_threads{};  ///< how many bodies of a stage could run at once

  /// What a run of the same projections did after this one, added to it; its ending is this one's.
  void add(const Report& later);

  [[nodiscard]] double events_per_second() const;
  /// Share of the time that a stage's threads were at work, 0 to 1.
  [[nodiscard]] double occupancy(Stage stage) const;
  [[nodiscard]] Stage bottleneck() const;  ///< the stage with the highest occupancy
  [[nodiscard]] std::uint64_t skipped() const;
  [[nodiscard]] std::uint64_t left_out() const;
  /// Rows that VERIFY found to be not the same, of all projections.
  [[nodiscard]] std::uint64_t drifted() const;
  /// 0, 2, 3 or 4 (tools/README.md, "Exit codes").
  [[nodiscard]] int exit_code() const;
};

}  // namespace rebuild_projection

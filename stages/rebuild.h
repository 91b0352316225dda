#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/comparison.h"
#include "pipeline/options.h"
#include "pipeline/progress.h"
#include "pipeline/projector.h"
#include "pipeline/report.h"

namespace rebuild_projection {

/// Whether APPLY empties the projections before it replays. Those that are resumed are never emptied.
enum class Clear : std::uint8_t {
  automatic,  ///< only when the replay starts at the beginning of the store
  always,
  never,
};

/// Which rows APPLY rebuilds.
enum class Scope : std::uint8_t {
  all,      ///< whatever the replayed events say
  touched,  ///< those that the events from `from_ts` or the like on touch, each from its own beginning
};

/// Where APPLY builds the rows.
enum class Strategy : std::uint8_t {
  in_place,  ///< in the live table, batch by batch
  shadow,    ///< in a shadow, which is then published: the live table becomes equal to it in one transaction
};

/// Whether a run waits, before its end is fixed, for transactions that may still commit an event before it.
enum class Fence : std::uint8_t { automatic, off };

/// What of the payloads the server sends: whole documents, or the members that projections read.
enum class Payload : std::uint8_t {
  automatic,  ///< whichever is cheaper, as far as it can be told
  whole,
  slim,  ///< where it is possible: in a store of jsonb
};

/// A rebuild on PostgreSQL: what to replay (RunOptions), from where, into what.
struct Options : RunOptions {
  std::filesystem::path projections_dir;  ///< its *.toml join the registry's projectors; empty: none
  bool examples = false;                  ///< the projections that ship as examples join too
  std::string store = "event_store";      ///< a preset, or the path of a store file: with a "/", or ending in ".toml"

  std::string dsn;         ///< target database, as libpq reads it; empty: libpq's environment
  std::string source_dsn;  ///< where the store is read; empty: `dsn`
  std::string meta_schema = "rebuild_projection";

  std::optional<std::string> from_ts;        ///< events with ts >= this (ISO 8601; without zone: UTC)
  std::optional<std::string> to_ts;          ///< events with ts < this
  std::optional<std::string> from_event_id;  ///< events after this one in position order
  /// Events after this position, whether there is an event or not: the values of the store's order columns; empty:
  /// none.
  std::vector<std::string> from_position;

  /// After the projections' checkpoints, and not from the beginning; those without one start over.
  bool resume = false;
  Fence fence = Fence::automatic;          ///< tools/README.md, "Late events"
  std::chrono::seconds fence_timeout{60};  ///< how long it waits at the most
  std::chrono::seconds lock_timeout{10};   ///< how long it waits for another run of the same tables at the most
  Payload payload = Payload::automatic;
  std::chrono::seconds peer_timeout{30};  ///< a server that is not heard of for so long is taken for dead
  RetryLimits retry;                      ///< for each batch, and each step before and after them

  Scope scope = Scope::all;
  Strategy strategy = Strategy::in_place;
  bool discard = false;        ///< shadow: drop what earlier runs left, and start over
  bool keep_previous = false;  ///< shadow: keep the rows that publishing replaces, for undo_publish()
  /// shadow: how long a try to publish keeps writers out while it waits for others
  std::chrono::seconds publish_lock_timeout{2};

  Clear clear = Clear::automatic;
  bool truncate = false;     ///< clear with TRUNCATE: faster, but older snapshots see an empty table
  bool show_values = false;  ///< put values of rows and payloads into messages

  /// VERIFY, and a shadow: SQL that gives the live projector's own position, which is the bound then; or empty.
  std::string live_position;

  // VERIFY
  std::vector<std::string> to_position;  ///< events up to this one: the values of the order columns; empty: no bound
  std::uint64_t drift_limit = 10;        ///< rows that are not the same, in the report of each projection
  /// Gets every such row, with its projection's name and table; on a thread of this library.
  std::function<void(const std::string& projection, const std::string& table, const Comparison&, const Drift&)>
      on_drift;

  Progress* progress = nullptr;                      ///< may be null; outlives the call
  std::function<void(const std::string&)> announce;  ///< gets the banner, line by line, before anything is cleared

  [[nodiscard]] bool in_shadow() const { return mode != Mode::verify && strategy == Strategy::shadow; }
  /// Whether the replay starts at the store's oldest event.
  [[nodiscard]] bool from_beginning() const { return !from_ts && !from_event_id && from_position.empty(); }
  /// Whether APPLY first empties the projections that are not resumed.
  [[nodiscard]] bool clears() const {
    return scope == Scope::touched || clear == Clear::always || (clear == Clear::automatic && from_beginning());
  }
};

/// Checks everything, then replays the store's events into the projections and says what happened.
///
/// Throws UsageError for what is refused before anything is read or cleared (exit code 1), Cancelled if a stop came
/// before the first event. Everything later is in the report, and so is whatever a projector or a callback of the
/// options throws. Blocks; starts threads of its own, all ended when it
/// returns. `registry` outlives the call, `progress` is a fresh one, and `announce` is called on the caller's thread.
/// Warnings are in the report, and go to spdlog's default logger when they arise. Two calls at once are safe, but share
/// the number of threads of the later one.
Report rebuild(const Options& options, const ProjectorRegistry& registry, std::stop_token stop);

}  // namespace rebuild_projection

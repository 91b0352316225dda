#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/callback.h"
#include "stages/apply/projection_file.h"
#include "stages/commit/checkpoints.h"
#include "stages/parse/json_parser.h"
#include "stages/postgres/session.h"
#include "stages/read/event_store.h"
#include "stages/rebuild.h"
#include "stages/selection.h"
#include "stages/shipped.h"

namespace rebuild_projection {

/// What a run stands on: its files read, its databases reached, its projections bound to their tables. Nothing was read
/// from the store's events, nothing was written.
struct Preparation {
  Options options;  ///< with the machine's defaults
  std::unique_ptr<Session> source_session;
  std::unique_ptr<Session> target_session;
  EventStore store;
  std::vector<SelectedProjection> selected;
  Checkpoints checkpoints;
  std::vector<std::string> warnings;  ///< in the log already
};

/// Makes every check that needs no event. Throws UsageError with all mistakes of a kind, one a line. What is returned
/// refers to `registry`; a stop cancels the sessions' statements.
Preparation prepare(const Options& options, const ProjectorRegistry& registry, const std::stop_token& stop);

/// The projection files that the options name, without a database. Throws Cancelled on a stop.
ProjectionFiles projection_files(const Options& options, const std::stop_token& stop);

/// The preset of that name; `option` is what asked for it. Throws UsageError.
ShippedFile find_preset(const std::string& option, const std::string& name);

/// The description of the store that --store names: a preset's, or a file's. Throws UsageError, Cancelled on a
/// stop.
StoreFile find_store(const std::string& store, const std::stop_token& stop);

/// Where the target database and the store are, and how long they may keep silent.
Server target_of(const Options& options);
Server source_of(const Options& options);

/// Whether the store's and the target's session are in one database, however their DSNs are spelled.
bool same_database(const Options& options, Session& source, Session& target);

/// Whether one snapshot can hold the store's events and the tables: they are in one database, and no standby.
bool share_a_snapshot(const Options& options, Session& source, Session& target);

/// What is thrown for a check before the run that the database did not let through.
UsageError refused_check(const SqlError& error);

/// The report of a run that code of its caller ended before the first event.
Report failed_before_the_first_event(const Options& options, const CallbackError& error);

/// What is said where no index serves the store's order, with the statement that makes one.
std::string unindexed_order(const EventStore& store);

PayloadFormat format_of(EventStore::Payload payload);

std::string one_a_line(const std::vector<std::string>& mistakes);

}  // namespace rebuild_projection

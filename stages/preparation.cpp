#include "stages/preparation.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "pipeline/machine.h"
#include "stages/commit/own_clear.h"
#include "stages/commit/side_table.h"
#include "stages/commit/target_checks.h"
#include "stages/commit/target_session.h"
#include "stages/option_bounds.h"
#include "stages/postgres/sqlstate.h"
#include "stages/read/store_file.h"

namespace rebuild_projection {

namespace {

std::unique_ptr<Session> connect(const Options& options, const std::stop_token& stop) {
  auto session = options.mode == Mode::dry_run
                     ? std::make_unique<Session>(target_of(options), "commit", Session::Access::read_only, stop)
                     : connect_to_target(target_of(options), stop);
  if (options.mode == Mode::verify)  // which keeps nothing
    session->execute("SET default_transaction_read_only = on; SET synchronous_commit = off");
  else
    refuse_unwritable(*session);
  return session;
}

/// The numbers of the columns that a projection writes: one that is dropped and made anew gets another.
std::string column_numbers(const SelectedProjection& selected) {
  std::string numbers;
  for (const CatalogueColumn& column : selected.table.columns)
    if (is_written(selected.projector->table(), column.name))
      numbers += (numbers.empty() ? "" : " ") + std::to_string(column.number);
  return numbers;
}

Checkpoints checkpoints_of(const Options& options, const std::vector<SelectedProjection>& selection,
                           const EventStore& store, Session& source, Session& target) {
  const std::string source_database = database_identity(source), target_database = database_identity(target);
  std::vector<Checkpoints::Identity> identities;
  for (const auto& selected : selection) {
    std::vector<std::string> key;
    for (const Column& column : selected.projector->table().key) key.push_back(column.name);
    identities.push_back({.projection = selected.projector->name(),
                          .definition = selected.projector->definition() + " " + column_numbers(selected),
                          .version = selected.projector->version(),
                          .key = std::move(key),
                          .table = selected.table.schema + "." + selected.table.name,
                          .table_oid = selected.table.oid,
                          .store = store.file().name,
                          .store_digest = store.digest(),
                          .target_database = target_database,
                          .source_database = source_database,
                          .fingerprint = selected.table.fingerprint,
                          .unlogged = selected.table.unlogged,
                          .owns_table = !has_own_clear(*selected.projector)});
  }
  return {options.mode == Mode::verify ? temporary_schema : options.meta_schema, std::move(identities),
          options.in_shadow() ? Checkpoints::Of::shadows : Checkpoints::Of::live};
}

/// Whose rows are whose cannot be told in a table that a projection shares with others.
void find_parts_of_tables(const std::vector<SelectedProjection>& selection, std::vector<std::string>& mistakes) {
  for (const auto& selected : selection)
    if (has_own_clear(*selected.projector))
      mistakes.push_back("projection " + selected.projector->name() + " clears " + selected.table.schema + "." +
                         selected.table.name +
                         " by a statement of its own, so some of its rows may be others', and neither VERIFY nor a "
                         "shadow can tell them apart; leave the projection out");
}

/// VERIFY rebuilds into temporary tables.
std::vector<std::string> missing_temporary(Session& session) {
  const Rows rows = session.execute(
      "SELECT has_database_privilege(current_database(), 'TEMPORARY'), current_database(), current_user");
  if (rows.boolean(0, 0)) return {};
  return {"VERIFY makes temporary tables, which role " + std::string(rows.text(0, 2)) +
          " may not; the database's owner must run: GRANT TEMPORARY ON DATABASE " + quote_name(rows.text(0, 1)) +
          " TO " + quote_name(rows.text(0, 2)) + ";"};
}

}  // namespace

Server target_of(const Options& options) {
  return {options.dsn, options.peer_timeout};
}

Server source_of(const Options& options) {
  return {options.source_dsn.empty() ? options.dsn : options.source_dsn, options.peer_timeout};
}

bool same_database(const Options& options, Session& source, Session& target) {
  return options.source_dsn == options.dsn || database_identity(source) == database_identity(target);
}

bool share_a_snapshot(const Options& options, Session& source, Session& target) {
  return same_database(options, source, target) && !source.execute("SELECT pg_is_in_recovery()").boolean(0, 0);
}

UsageError refused_check(const SqlError& error) {
  const char* const and_now = may_quote_values(error.sqlstate)
                                  ? "; the SQL of the store's file fails in its order, its horizon or a time that is "
                                    "asked for, and so on no event that could be named: mend it, or leave such events "
                                    "out in its from"
                                  : "";
  return UsageError(std::string("the database refused a check before the run: ") + error.what() + " (SQLSTATE " +
                    error.sqlstate + ")" + and_now);
}

Report failed_before_the_first_event(const Options& options, const CallbackError& error) {
  Report report;
  report.mode = options.mode;
  report.ending = Ending::failed;
  report.ending_detail = std::string(error.what()) + "; no event was read, the tables are as they were";
  return report;
}

ShippedFile find_preset(const std::string& option, const std::string& name) {
  std::string names;
  for (const ShippedFile& preset : shipped_stores()) {
    if (preset.name == name + ".toml") return preset;
    names += (names.empty() ? "" : ", ") + std::string(preset.name.substr(0, preset.name.rfind('.')));
  }
  throw UsageError(option + ": there is no preset \"" + name + "\"; the presets are " + names);
}

StoreFile find_store(const std::string& store, const std::stop_token& stop) {
  if (store.find('/') != std::string::npos || store.ends_with(".toml")) return read_store_file(store, stop);
  const ShippedFile preset = find_preset("--store", store);
  return read_store_text(preset.name, preset.text);
}

std::string unindexed_order(const EventStore& store) {
  const std::string& index = store.create_index();
  return "no index serves the order of the store " + store.file().name +
         ", so its events are sorted first and one snapshot is held for the whole run" +
         (index.empty() ? "" : "; to avoid that: " + index);
}

PayloadFormat format_of(EventStore::Payload payload) {
  switch (payload) {
    case EventStore::Payload::jsonb:
      return PayloadFormat::jsonb;
    case EventStore::Payload::json:
      return PayloadFormat::json;
    default:
      return PayloadFormat::text;
  }
}

std::string one_a_line(const std::vector<std::string>& mistakes) {
  return joined(mistakes, "\n");
}

ProjectionFiles projection_files(const Options& options, const std::stop_token& stop) {
  ProjectionFiles files;
  if (!options.projections_dir.empty()) files = read_projection_files(options.projections_dir, stop);
  if (!options.examples) return files;
  for (const ShippedFile& example : shipped_projections()) {
    std::vector<std::string> mistakes;
    std::ranges::move(read_projection_text(std::filesystem::path("(example)") / example.name, example.text, mistakes),
                      std::back_inserter(files.good));
    if (!mistakes.empty()) files.mistaken.push_back({"", std::move(mistakes)});
  }
  return files;
}

namespace {

void refuse_wrong_scope(const Options& options, std::vector<std::string>& mistakes) {
  const std::string scope = "--scope touched ";
  if (options.mode == Mode::verify) mistakes.push_back(scope + "is for APPLY and DRY_RUN; VERIFY compares every row");
  if (options.in_shadow())
    mistakes.push_back(scope + "is for --strategy in-place; a shadow has the rows of all events");
  if (options.from_beginning())
    mistakes.push_back(scope +
                       "needs --from-ts, --from-event-id or --from-position: the rows that events from there on touch "
                       "are rebuilt");
  if (options.to_ts || options.max_events > 0)
    mistakes.push_back(scope + "contradicts --to-ts and --max-events: what later events did to the rows would be lost");
  if (options.resume || options.clear != Clear::automatic || options.truncate)
    mistakes.push_back(scope +
                       "contradicts --resume, --clear and --truncate: the touched rows are deleted and rebuilt from "
                       "their beginning, the others stay");
}

/// What no command line lets through, for programs that fill in options of their own.
void refuse_wrong(const Options& options) {
  std::vector<std::string> mistakes = out_of_bounds(options);
  if (options.projections.empty()) mistakes.emplace_back("no projection is named; \"all\" is every one");
  if (options.truncate && options.clear == Clear::never) mistakes.emplace_back("truncating contradicts never clearing");
  if (options.from_event_id && !options.from_position.empty())
    mistakes.emplace_back("a run begins after an event or after a position, not after both");
  if (options.resume && !options.from_beginning())
    mistakes.emplace_back("a resumed run begins after the checkpoints, not at a time, an event or a position");
  if (options.resume && options.clear == Clear::always)
    mistakes.emplace_back("a resumed run keeps the rows: it contradicts always clearing");
  if (options.mode == Mode::verify && (!options.from_beginning() || options.resume || options.max_events != 0))
    mistakes.emplace_back("VERIFY compares with all events from the first one on: it has no other beginning, no limit");
  if (options.mode != Mode::verify && !options.to_position.empty())
    mistakes.emplace_back("a position to go up to is for VERIFY");
  if (options.mode != Mode::verify && !options.in_shadow() && !options.live_position.empty())
    mistakes.emplace_back("the live projector's position is for VERIFY and for a shadow");
  if (options.in_shadow()) {
    if (!options.from_beginning() || options.to_ts)
      mistakes.emplace_back("a shadow is published when it holds all events from the first one on: no other range");
    if (options.truncate || options.clear == Clear::never)
      mistakes.emplace_back("publishing a shadow replaces all rows of the table, and truncates nothing");
    if (options.discard && options.resume) mistakes.emplace_back("a shadow is either gone on with or discarded");
  } else if (options.discard) {
    mistakes.emplace_back("there is only a shadow to discard");
  }
  if (options.scope == Scope::touched) refuse_wrong_scope(options, mistakes);
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
}

struct Warnings {
  std::vector<std::string> given;
  void add(const std::string& text) {
    if (std::ranges::find(given, text) != given.end()) return;
    spdlog::warn("{}", text);
    given.push_back(text);
  }
};

/// A file's mistakes keep its own projection from being rebuilt. Those of a file whose name cannot be read count where
/// it may be the one that is missing.
void tell_apart(const ProjectionFiles& files, const std::vector<std::string>& wanted, const ProjectorRegistry& registry,
                std::vector<std::string>& mistakes, Warnings& warnings) {
  const auto is_wanted = [&](const std::string& name) { return std::ranges::find(wanted, name) != wanted.end(); };
  const auto is_there = [&](const std::string& name) {
    return registry.find(name) != nullptr ||
           std::ranges::any_of(files.good, [&](const ProjectionFile& file) { return file.name() == name; });
  };
  const bool all = is_wanted("all");
  const bool all_there = std::ranges::all_of(wanted, is_there);
  for (const auto& [name, found] : files.mistaken) {
    if (all || is_wanted(name) || (name.empty() && !all_there))
      mistakes.insert(mistakes.end(), found.begin(), found.end());
    else
      for (const std::string& mistake : found) warnings.add(mistake + "; the file is not selected");
  }
}

/// Attributes that the store's file maps to no column are NULL in every event.
void warn_of_attributes(const std::vector<ProjectionFile>& files, const std::vector<SelectedProjection>& selected,
                        const StoreFile& store, Warnings& warnings) {
  const std::array attributes{std::tuple{"@metadata", "metadata", &store.metadata}, std::tuple{"@ts", "ts", &store.ts},
                              std::tuple{"@stream_id", "stream_id", &store.stream_id}};
  for (const ProjectionFile& file : files) {
    const auto is_selected = [&](const SelectedProjection& one) { return one.projector->name() == file.name(); };
    if (std::ranges::none_of(selected, is_selected)) continue;
    for (const auto& [written, line] : file.attributes())
      for (const auto& [name, key, column] : attributes)
        if (written == name && column->empty())
          warnings.add(file.path().string() + ":" + std::to_string(line) + ": no event has a value for \"" + written +
                       "\": the store " + store.name + " (" + store.path.string() + ") names no column for " + key);
  }
}

}  // namespace

Preparation prepare(const Options& given, const ProjectorRegistry& registry, const std::stop_token& stop) {
  refuse_wrong(given);
  Options options = given;
  static_cast<RunOptions&>(options) = with_defaults(given);
  if (options.source_dsn.empty()) options.source_dsn = options.dsn;

  std::vector<std::string> mistakes;
  Warnings warnings;
  const ProjectionFiles all_files = projection_files(options, stop);
  tell_apart(all_files, options.projections, registry, mistakes, warnings);
  const std::vector<ProjectionFile>& files = all_files.good;
  StoreFile store_file;
  try {
    store_file = find_store(options.store, stop);
  } catch (const UsageError& error) {
    mistakes.emplace_back(error.what());
  }
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));

  auto source = std::make_unique<Session>(source_of(options), "read", Session::Access::read_only, stop);
  auto target = connect(options, stop);
  EventStore store(std::move(store_file), *source);
  if (options.payload == Payload::slim && !store.can_send_members())
    mistakes.push_back("--payload slim is not possible: " + store.why_no_members() + "; leave it out");
  const auto store_relations =
      same_database(options, *source, *target) ? store.relations(*source) : std::vector<std::uint32_t>{};
  auto selected = select_projections({.names = options.projections,
                                      .registry = registry,
                                      .files = files,
                                      .store_relations = store_relations,
                                      .truncate = options.truncate,
                                      .reads_only = options.mode == Mode::verify,
                                      .publishes = options.in_shadow()},
                                     *target, mistakes);
  std::set<std::string> types;
  for (const auto& one : selected) std::ranges::move(one.projector->event_types(), std::inserter(types, types.end()));
  store.name_types(*source, {types.begin(), types.end()});
  for (const auto& one : selected)
    if (const std::string problem = width_problem(one.projector->table()); !problem.empty())
      mistakes.push_back("projection " + one.projector->name() + " " + problem);
  if (options.mode == Mode::verify || options.in_shadow()) find_parts_of_tables(selected, mistakes);
  warn_of_attributes(files, selected, store.file(), warnings);
  Checkpoints checkpoints = checkpoints_of(options, selected, store, *source, *target);
  const bool verifies = options.mode == Mode::verify;
  std::ranges::copy(verifies ? missing_temporary(*target) : checkpoints.missing_rights(*target),
                    std::back_inserter(mistakes));
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
  return {std::move(options),  std::move(source),      std::move(target),        std::move(store),
          std::move(selected), std::move(checkpoints), std::move(warnings.given)};
}

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/stages.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// What a checkpoint says about how far a projection is.
namespace checkpoint_state {
inline constexpr const char* starting = "starting";  ///< a run was about to begin; nothing of it is in the table
inline constexpr const char* running = "running";    ///< built from the beginning up to the position
inline constexpr const char* complete = "complete";  ///< the run that built it reached its end
inline constexpr const char* partial = "partial";    ///< a replay without clearing: never to be resumed onto
inline constexpr const char* replaced = "replaced";  ///< another projection wrote the table since
}  // namespace checkpoint_state

/// A session's own schema: what is in it is gone when the session ends.
inline constexpr const char* temporary_schema = "pg_temp";

/// How far a projection is built, as its row says.
struct Checkpoint {
  Position position;
  Position first_position;
  std::string last_event_id;
  std::uint64_t events = 0;  ///< read since the beginning, up to the position
  bool partial = false;
  std::string late_events;  ///< why events before the position may have been committed after it; "": none can
  /// What it was built with or from that is another now, a clause each: "its version was 1 and is 2".
  std::vector<std::string> differences;
};

/// What the tool keeps of a run's projections, in rebuild_checkpoints and rebuild_dead_letters of its schema. Used with
/// one session at a time, in whatever transaction that session is in.
class Checkpoints {
 public:
  /// What identifies a projection's build; a resume needs the same.
  struct Identity {
    std::string projection;
    std::string definition;  ///< Projector::definition(), and which columns of the table it writes
    int version = 1;
    std::vector<std::string> key;
    std::string table;  ///< "schema.table"
    std::uint32_t table_oid = 0;
    std::string store;            ///< its name
    std::string store_digest;     ///< EventStore::digest()
    std::string target_database;  ///< database_identity()
    std::string source_database;

    // What is no part of the identity, but holds for the table in this run.
    std::string fingerprint = {};            ///< CatalogueTable's
    std::vector<std::string> unlogged = {};  ///< CatalogueTable's
    bool owns_table = true;                  ///< all of its rows: no other projection's checkpoint describes them then
  };
  /// How a run begins with a projection.
  enum class Begin : std::uint8_t {
    over,     ///< from the store's beginning, onto cleared rows
    resumed,  ///< after its checkpoint
    partial,  ///< otherwise: never to be resumed onto
  };

  /// Whose rows a checkpoint speaks of: those of the live tables, or of their shadows (shadows.h). The latter lie in
  /// tables of their own, unlogged as the shadows are: a crash of the server empties both or neither.
  enum class Of : std::uint8_t { live, shadows };

  Checkpoints(std::string schema, std::vector<Identity> identities, Of of = Of::live);

  [[nodiscard]] const std::string& schema() const { return schema_; }
  /// A table of dead letters, "schema.table", for a person.
  [[nodiscard]] static std::string dead_letters(const std::string& schema, Of of);

  /// The schema and tables, made if they are not there. Throws UsageError with the SQL an owner must run, if that is
  /// not permitted.
  void create(Session& session) const;
  /// Every mistake that create() or a write would run into, found without writing anything.
  [[nodiscard]] std::vector<std::string> missing_rights(Session& session) const;
  /// The projections' checkpoints, in their order; nullopt where nothing was built yet. Needs no table.
  [[nodiscard]] std::vector<std::optional<Checkpoint>> load(Session& session) const;

  /// Every checkpoint that is there, whoever made it, ordered by projection. Needs no table.
  struct Overview {
    std::string projection, table, state, store, store_digest, source_database, updated_at;
    std::uint32_t table_oid = 0;
    Position position;  ///< empty: nothing was built yet
    std::optional<std::string> last_ts;
    std::uint64_t events = 0;
  };
  [[nodiscard]] static std::vector<Overview> overview(Session& session, const std::string& schema, Of of = Of::live);
  /// Whether overview() of the live tables is permitted.
  [[nodiscard]] static bool can_be_read(Session& session, const std::string& schema);
  /// Whether a checkpoint was made from the same store as those of this run.
  [[nodiscard]] bool is_of_our_store(const Overview& other) const;

  /// How many events each projection's rows lack, as the dead letters in `schema` say, by name. Empty where there is no
  /// table of them; nullopt where this role may not read it.
  [[nodiscard]] static std::optional<std::map<std::string, std::uint64_t>> recorded(Session& session,
                                                                                    const std::string& schema, Of of);

  /// A row per projection, committed before the first batch: where a COMMIT's answer is lost, that row can be locked to
  /// learn what became of it. Rows that are there stay as they are.
  void start(Session& session) const;
  void prepare(Session& session) const;

  /// Throws RunError where the catalogue says something else of a projection's live table than when the run was
  /// prepared, so that nothing that was checked then need hold. For a transaction that has locked the table: others
  /// alter it before or after.
  void refuse_altered(Session& session) const;

  /// With the first batch, whose transaction has cleared what it clears: makes the checkpoint this run's, and for live
  /// tables does what refuse_altered() does. Checkpoints of other projections that owned the table are `replaced`.
  /// Where it is resumed, it must still be at `after`, and what
  /// an earlier run said of late events stays; else position, dead letters and all that of earlier runs are forgotten.
  struct Start {
    Begin how = Begin::over;
    std::optional<Position> after;
    std::string late_events;  ///< Checkpoint's
  };
  void begin(Session& session, std::size_t projection, const Start& start) const;
  /// With every batch, for the projections to which any of its events were new: moves their checkpoints, and does what
  /// refuse_altered() does for live tables in the same statement.
  void advance(Session& session, const Batch& batch) const;
  void add_dead_letters(Session& session, std::size_t projection, const std::vector<DeadLetter>& letters) const;
  /// After the last batch, in its own transaction, which is on the disk when this returns, and with it every earlier
  /// one. `late_events` replaces what the checkpoints say, if it is not nullopt.
  void finish(Session& session, bool complete, const std::optional<std::string>& late_events) const;

  /// Where a batch of this run would move a projection's checkpoint.
  struct Step {
    bool first = false;            ///< the run's first, which makes the checkpoint its own
    std::optional<Position> from;  ///< nullopt: wherever it is, or nowhere
    std::optional<Position> to;
  };
  enum class Standing : std::uint8_t { before, after, elsewhere };
  /// Whether a step was made. Waits until no transaction holds the checkpoint's row, and keeps it locked. Throws
  /// RunError where a crash of the server emptied what this run had written.
  [[nodiscard]] Standing lock(Session& session, std::size_t projection, const Step& step) const;

  /// Before publish(): makes the shadows' checkpoints this run's, also those that it found at their end.
  void claim(Session& session) const;
  /// What the live tables' checkpoints say of these projections and tables, to tell whether it is another later.
  [[nodiscard]] std::string live_standing(Session& session) const;
  /// The shadows' checkpoints and dead letters become the live tables', marked as this run's.
  void publish(Session& session) const;
  /// Whether publish() of this run was committed. Throws RunError where a crash of the server emptied the table since.
  [[nodiscard]] bool is_published(Session& session) const;
  /// Removes the shadows' checkpoints and dead letters.
  void forget(Session& session) const;

 private:
  [[nodiscard]] std::string names() const;
  [[nodiscard]] bool need_witnesses() const;
  /// Makes the table's rows this run's; the checkpoints of others that described them no longer do.
  void own_table(Session& session, const Identity& identity) const;
  void refuse_lost_rows(Session& session, const Identity& identity) const;
  /// And not shadows, or temporary tables.
  [[nodiscard]] bool writes_live_tables() const { return of_ == Of::live && schema_ != temporary_schema; }

  std::string schema_;
  std::vector<Identity> identities_;
  Of of_;
  std::string checkpoints_, dead_letters_;  ///< tables, quoted
  std::string run_;                         ///< drawn at random, so that no other run's rows are taken for this one's
};

/// Tells databases apart, however they are reached: a standby and its primary are one.
std::string database_identity(Session& session);

}  // namespace rebuild_projection

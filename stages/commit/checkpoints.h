#pragma once

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
}  // namespace checkpoint_state

/// What the tool keeps of a projection, in rebuild_checkpoints and rebuild_dead_letters of its schema. One session's,
/// in whatever transaction that session is in.
class Checkpoints {
 public:
  /// What identifies a run's build of a projection; a resume needs the same.
  struct Identity {
    std::string projection;
    std::string definition;  ///< Projector::definition()
    int version = 1;
    std::string table;  ///< "schema.table"
    std::string store;
    bool partial = false;  ///< a replay of a part, or without clearing
  };

  Checkpoints(std::string schema, std::vector<Identity> identities);

  /// The schema and tables, made if they are not there. Throws UsageError with the SQL an owner must run, if that is
  /// not permitted.
  void create(Session& session) const;
  /// Every mistake that create() or a write would run into, found without writing anything.
  [[nodiscard]] std::vector<std::string> missing_rights(Session& session) const;
  /// A row per projection, in its own transaction, before the first batch: where a COMMIT's answer is lost, that row
  /// can be locked to learn what became of it. Rows that are there stay as they are.
  void start(Session& session) const;
  void prepare(Session& session) const;

  /// With the first batch: forgets the dead letters and the position of earlier runs.
  void reset(Session& session) const;
  /// With every batch.
  void advance(Session& session, const Batch& batch) const;
  void add_dead_letters(Session& session, const std::string& projection, const std::vector<DeadLetter>& letters) const;
  /// After the last batch, in its own transaction, which is on the disk when this returns, and with it every earlier
  /// one.
  void finish(Session& session, bool complete) const;

 private:
  [[nodiscard]] std::string table(std::string_view name) const;
  [[nodiscard]] std::string names() const;

  std::string schema_;
  std::vector<Identity> identities_;
};

}  // namespace rebuild_projection

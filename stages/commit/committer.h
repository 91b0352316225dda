#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/memory_shares.h"
#include "pipeline/options.h"
#include "pipeline/stages.h"
#include "stages/commit/checkpoints.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/lasting_session.h"

namespace rebuild_projection {

/// The commit stage: one transaction per batch on one connection, with the rows of every projection, their checkpoints
/// and their dead letters.
///
/// A batch is first written as it stands. Where the server refuses its data, or rows are not as this run left them, the
/// transaction is rolled back and the batch is written once more as a RefusedBatch (pipeline/README.md, "Transactions
/// and failure").
///
/// What is transient is tried again, the batch as a whole. Where the connection is lost after COMMIT was sent, the
/// checkpoint's row, locked on a new connection, says whether the batch is there: nothing is guessed.
class Committer : public BatchSink {
 public:
  struct Target {
    const Projector* projector = nullptr;
    const CatalogueTable* table = nullptr;
    bool clear = false;  ///< with the first batch
    Checkpoints::Start start;
  };
  struct Settings {
    MemoryShares memory;
    OnError on_error = OnError::stop;
    bool truncate = false;  ///< clear with TRUNCATE
    bool show_values = false;
  };

  /// `session` and `checkpoints` outlive this; the session is used by whoever calls commit() only.
  Committer(LastingSession& session, const Checkpoints& checkpoints, const std::vector<Target>& targets,
            Settings settings);

  Committed commit(const Batch& batch) override;

  /// From now on batches are part of the transaction that the session is in, each under a savepoint; whoever began it
  /// ends it.
  void stay_in_transaction() { enclosed_ = true; }

  /// Clears without a batch, where no event is in range (--clear always).
  void clear_only();
  /// After the last batch. Throws RunError where the connection was lost since, and what the batches wrote with it: the
  /// checkpoints are elsewhere, or unlogged tables were emptied.
  void refuse_lost();
  /// After the last batch: refuse_lost(), then Checkpoints::finish().
  void finish(bool complete, const std::optional<std::string>& late_events);
  /// Rows that clearing removed, per target; none before that was committed.
  [[nodiscard]] const std::vector<std::uint64_t>& rows_cleared() const { return rows_cleared_; }

 private:
  /// Calls `write` in a transaction. What it wrote is in `sent` from the moment that COMMIT is sent.
  using Write = std::function<Committed(Session&)>;
  Committed in_transaction(Session& session, std::optional<Committed>& sent, const Write& write);
  /// One try at a batch; `surprised` says whether rows were not as this run left them.
  Committed write(Session& session, const Batch& batch, std::optional<Committed>& sent, bool& surprised);
  void set_up(Session& session);
  void refuse_lost(Session& session) const;
  /// After a lost connection: whether the batch was committed all the same.
  bool is_there(Session& session, const Batch& batch) const;
  /// Whether a projection's checkpoint is at `position`; throws RunError if it is not where it was before, either.
  bool moved_to(Session& session, std::size_t projection, const std::optional<Position>& position) const;
  void begin_batch(Session& session);
  void after_commit();
  void end_batch(Session& session, const Batch& batch) const;
  Committed write_plain(Session& session, const Batch& batch);
  Committed write_refused(Session& session, const Batch& batch, bool& surprised);
  void check_constraints(Session& session) const;

  LastingSession& session_;
  unsigned set_up_ = 0;  ///< the number of the session that is
  const Checkpoints& checkpoints_;
  std::vector<Target> targets_;
  std::deque<TableWriter> writers_;
  Settings settings_;
  bool first_ = true;  ///< no batch has been committed yet
  bool enclosed_ = false;
  bool deferrable_ = false;
  std::vector<std::optional<Position>> at_;  ///< the checkpoints, as far as is known
  std::vector<std::uint64_t> clearing_;      ///< by the first batch, whose transaction may still fail
  std::vector<std::uint64_t> rows_cleared_;
};

}  // namespace rebuild_projection

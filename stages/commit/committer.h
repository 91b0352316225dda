#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/options.h"
#include "pipeline/stages.h"
#include "stages/commit/checkpoints.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// The commit stage: one transaction per batch on one connection, with the rows of every projection, their checkpoints
/// and their dead letters.
///
/// A batch is first written as it stands. Where the server refuses its data, the transaction is rolled back and the
/// batch is written once more with care: each projection's events by halves under savepoints, until the event to blame
/// is alone (pipeline/README.md, "Transactions and failure"). If none fails alone, the batch commits.
class Committer : public BatchSink {
 public:
  struct Target {
    const Projector* projector = nullptr;
    const CatalogueTable* table = nullptr;
  };
  struct Settings {
    OnError on_error = OnError::stop;
    bool clear = false;     ///< with the first batch
    bool truncate = false;  ///< clear with TRUNCATE
    bool show_values = false;
  };

  /// `session` and `checkpoints` outlive this; the session is used by whoever calls commit() only.
  Committer(Session& session, const Checkpoints& checkpoints, const std::vector<Target>& targets, Settings settings);

  Committed commit(const Batch& batch) override;

  /// Clears without a batch, where no event is in range (--clear always).
  void clear_only();
  /// Rows that clearing removed, per target; none before that was committed.
  [[nodiscard]] const std::vector<std::uint64_t>& rows_cleared() const { return rows_cleared_; }

 private:
  /// What happened to one projection while a batch was written with care.
  struct Outcome {
    Committed::Projection committed;
    std::vector<DeadLetter> refused;
  };

  template <typename Write>
  void in_transaction(Write&& write);
  void begin_batch();
  void end_first();
  void end_batch(const Batch& batch);
  Committed write_plain(const Batch& batch);
  Committed write_with_care(const Batch& batch);
  void write_part(const Batch& batch, std::size_t projection, std::uint64_t begin, std::uint64_t end, Outcome& outcome);
  void check_constraints();

  Session& session_;
  const Checkpoints& checkpoints_;
  std::vector<Target> targets_;
  std::vector<TableWriter> writers_;
  Settings settings_;
  bool first_ = true;  ///< no batch has been committed yet
  bool deferrable_ = false;
  std::vector<std::uint64_t> clearing_;  ///< by the first batch, whose transaction may still fail
  std::vector<std::uint64_t> rows_cleared_;
};

}  // namespace rebuild_projection

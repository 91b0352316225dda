#include "stages/commit/committer.h"

#include <algorithm>

#include "stages/commit/refusal.h"

namespace rebuild_projection {

namespace {

/// A projector's own clear(); its author is told whose SQL was refused.
std::uint64_t execute_clear(Session& session, const std::string& projection, const std::string& sql) {
  try {
    return session.execute(sql).affected();
  } catch (const SqlError& error) {
    throw SqlError(error.sqlstate, "projection " + projection + ", clear(): " + error.what(), error.statement);
  }
}

}  // namespace

Committer::Committer(Session& session, const Checkpoints& checkpoints, const std::vector<Target>& targets,
                     Settings settings)
    : session_(session),
      checkpoints_(checkpoints),
      targets_(targets),
      settings_(settings),
      clearing_(targets.size()),
      rows_cleared_(targets.size()) {
  // Each batch is planned for its own size: a plan made for 200 rows would be kept for 20,000, and one made while the
  // table was empty for ever.
  session_.execute("SET plan_cache_mode = force_custom_plan");
  // A batch's COMMIT need not wait for the disk: rows and checkpoint are lost together or not at all, so after a crash
  // of the server the tables still equal the events up to the checkpoint. Checkpoints::finish() waits for all of them.
  session_.execute("SET synchronous_commit = off");
  checkpoints_.prepare(session_);
  for (const Target& target : targets_) {
    writers_.emplace_back(target.projector->table(), *target.table);
    writers_.back().prepare(session_, "projection_" + std::to_string(writers_.size()));
    deferrable_ = deferrable_ || target.table->deferrable_constraints;
  }
}

template <typename Write>
void Committer::in_transaction(Write&& write) {
  session_.execute("BEGIN");
  try {
    write();
    session_.execute("COMMIT");
  } catch (...) {
    try {
      session_.execute("ROLLBACK");
    } catch (const std::exception&) {  // the connection is gone or cancelled, and the transaction with it
    }
    throw;
  }
}

void Committer::begin_batch() {
  if (!first_) return;
  if (settings_.clear)
    for (std::size_t index = 0; index < writers_.size(); ++index) {
      const Projector& projector = *targets_[index].projector;
      const auto own = projector.clear();
      clearing_[index] =
          own ? execute_clear(session_, projector.name(), *own) : writers_[index].clear(session_, settings_.truncate);
    }
  checkpoints_.reset(session_);
}

void Committer::check_constraints() {
  if (deferrable_) session_.execute("SET CONSTRAINTS ALL IMMEDIATE");
}

void Committer::end_batch(const Batch& batch) {
  check_constraints();
  for (std::size_t index = 0; index < targets_.size(); ++index)
    checkpoints_.add_dead_letters(session_, targets_[index].projector->name(), batch.projections[index].skipped);
  checkpoints_.advance(session_, batch);
}

void Committer::clear_only() {
  in_transaction([&] { begin_batch(); });
  end_first();
}

void Committer::end_first() {
  if (!first_) return;
  first_ = false;
  rows_cleared_ = clearing_;
}

Committed Committer::commit(const Batch& batch) {
  Committed committed;
  try {
    committed = write_plain(batch);
  } catch (const SqlError& error) {
    if (!error.blames_data()) throw;
    committed = write_with_care(batch);
  }
  end_first();
  return committed;
}

Committed Committer::write_plain(const Batch& batch) {
  Committed committed;
  in_transaction([&] {
    begin_batch();
    for (std::size_t index = 0; index < writers_.size(); ++index) {
      const auto written = writers_[index].write(session_, batch.projections[index].changes);
      committed.projections.push_back({written.rows_written, written.rows_deleted, 0});
    }
    end_batch(batch);
  });
  return committed;
}

Committed Committer::write_with_care(const Batch& batch) {
  Committed committed;
  in_transaction([&] {
    begin_batch();
    for (std::size_t index = 0; index < writers_.size(); ++index) {
      Outcome outcome;
      write_part(batch, index, 0, batch.events, outcome);
      outcome.committed.refused = outcome.refused.size();
      committed.projections.push_back(outcome.committed);
      checkpoints_.add_dead_letters(session_, targets_[index].projector->name(), outcome.refused);
    }
    end_batch(batch);
  });
  return committed;
}

void Committer::write_part(const Batch& batch, std::size_t projection, std::uint64_t begin, std::uint64_t end,
                           Outcome& outcome) {
  const Batch::Part part = batch.fold_again(projection, begin, end);
  if (part.changes.empty()) return;
  session_.execute("SAVEPOINT part");
  try {
    const auto written = writers_[projection].write(session_, part.changes);
    check_constraints();
    session_.execute("RELEASE SAVEPOINT part");
    outcome.committed.rows_written += written.rows_written;
    outcome.committed.rows_deleted += written.rows_deleted;
    return;
  } catch (const SqlError& error) {
    if (!error.blames_data()) throw;
    session_.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part");
    if (end - begin == 1) {
      DeadLetter event = batch.event_at(begin);
      event.error = explain_refusal(session_, error, part.changes, *targets_[projection].table, settings_.show_values);
      if (settings_.on_error == OnError::stop) throw RefusedEvent(targets_[projection].projector->name(), event);
      outcome.refused.push_back(std::move(event));
      return;
    }
  }
  const std::uint64_t middle = begin + (end - begin) / 2;
  write_part(batch, projection, begin, middle, outcome);
  write_part(batch, projection, middle, end, outcome);
}

}  // namespace rebuild_projection

#include "stages/commit/committer.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "stages/commit/own_clear.h"
#include "stages/commit/refused_batch.h"
#include "stages/postgres/settings.h"

namespace rebuild_projection {

namespace {

/// A batch's rows are found by their keys, one after the other, however many rows the table has: what is planned once
/// is good for every batch. By its own estimates the server would read a table of some thousand rows from end to end.
constexpr const char* plan_by_key =
    "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET enable_seqscan = off";
std::string plan_as_usual() {
  return pin_again({"plan_cache_mode", "enable_hashjoin", "enable_mergejoin", "enable_seqscan"});
}

}  // namespace

Committer::Committer(LastingSession& session, const Checkpoints& checkpoints, const std::vector<Target>& targets,
                     Settings settings)
    : session_(session),
      checkpoints_(checkpoints),
      targets_(targets),
      settings_(settings),
      clearing_(targets.size()),
      rows_cleared_(targets.size()) {
  for (const Target& target : targets_) {
    writers_.emplace_back(target.projector->table(), *target.table, settings_.memory.known_rows / targets_.size(),
                          settings_.memory.merge);
    deferrable_ = deferrable_ || target.table->deferrable_constraints;
    at_.push_back(target.start.after);
  }
  session_.use([this](Session& connected) { set_up(connected); });
}

void Committer::set_up(Session& session) {
  session.execute(plan_by_key);
  // A batch's COMMIT need not wait for the disk: rows and checkpoint are lost together or not at all, so after a crash
  // of the server the tables still equal the events up to the checkpoint. Checkpoints::finish() waits for all of them.
  session.execute("SET synchronous_commit = off");
  checkpoints_.prepare(session);
  for (std::size_t index = 0; index < writers_.size(); ++index)
    writers_[index].prepare(session, "projection_" + std::to_string(index + 1));
  set_up_ = session_.number();
}

Committed Committer::in_transaction(Session& session, std::optional<Committed>& sent, const Write& write) {
  for (TableWriter& writer : writers_) writer.roll_back();
  session.execute(enclosed_ ? "SAVEPOINT batch" : "BEGIN");
  try {
    Committed written = write(session);
    sent = written;
    session.execute(enclosed_ ? "RELEASE SAVEPOINT batch" : "COMMIT");
    return written;
  } catch (...) {
    try {
      session.execute(enclosed_ ? "ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch" : "ROLLBACK");
    } catch (const std::exception&) {  // the connection is gone or cancelled, and the transaction with it
    }
    throw;
  }
}

void Committer::begin_batch(Session& session) {
  if (!first_) return;
  for (std::size_t index = 0; index < writers_.size(); ++index) {
    const Projector& projector = *targets_[index].projector;
    if (targets_[index].clear && !has_own_clear(projector)) {
      clearing_[index] = writers_[index].clear(session, settings_.truncate);
      continue;
    }
    if (targets_[index].clear) {
      session.execute(plan_as_usual());
      clearing_[index] = execute_own_clear(session, projector);
      session.execute(plan_by_key);
    }
    writers_[index].look_if_empty(session);
  }
  for (std::size_t index = 0; index < targets_.size(); ++index)
    checkpoints_.begin(session, index, targets_[index].start);
}

void Committer::check_constraints(Session& session) const {
  if (deferrable_) session.execute("SET CONSTRAINTS ALL IMMEDIATE");
}

void Committer::end_batch(Session& session, const Batch& batch) const {
  check_constraints(session);
  for (std::size_t index = 0; index < targets_.size(); ++index)
    checkpoints_.add_dead_letters(session, index, batch.projections[index].skipped);
  checkpoints_.advance(session, batch);
}

void Committer::clear_only() {
  session_.use([this](Session& session) {
    if (set_up_ != session_.number()) set_up(session);
    std::optional<Committed> sent;
    // Twice is as good as once: there is no need to know whether an earlier try came through.
    in_transaction(session, sent, [this](Session& in) {
      begin_batch(in);
      return Committed{};
    });
  });
  after_commit();
}

void Committer::after_commit() {
  for (TableWriter& writer : writers_) writer.commit();
  if (!first_) return;
  first_ = false;
  rows_cleared_ = clearing_;
}

Committed Committer::write(Session& session, const Batch& batch, std::optional<Committed>& sent, bool& surprised) {
  surprised = false;
  try {
    return in_transaction(session, sent, [&](Session& in) { return write_plain(in, batch); });
  } catch (const RowsNotAsKnown& error) {
    spdlog::debug("{}", error.what());
  } catch (const SqlError& error) {
    if (!error.blames_data()) throw;
  }
  return in_transaction(session, sent, [&](Session& in) { return write_refused(in, batch, surprised); });
}

Committed Committer::commit(const Batch& batch) {
  std::optional<Committed> sent;
  bool surprised = false;
  const auto try_once = [&](Session& session) {
    if (set_up_ != session_.number()) {
      set_up(session);
      if (is_there(session, batch)) return sent.value();
    }
    sent.reset();
    return write(session, batch, sent, surprised);
  };
  Committed result;
  try {
    result = session_.use(try_once);
  } catch (const Cancelled& error) {
    if (!sent) throw;
    throw Cancelled(std::string(error.what()) + "; its COMMIT was sent, and --status shows whether it came through");
  }
  after_commit();
  if (surprised) {
    spdlog::warn("rows are not as this run left them: somebody else writes to a table that is being rebuilt");
    for (TableWriter& writer : writers_) writer.forget_rows();
  }
  for (std::size_t index = 0; index < targets_.size(); ++index)
    if (batch.projections[index].events > 0) at_[index] = batch.last_position;
  return result;
}

bool Committer::is_there(Session& session, const Batch& batch) const {
  bool there = false;
  session.execute("BEGIN");
  for (std::size_t index = 0; index < targets_.size(); ++index)
    if (batch.projections[index].events > 0 && moved_to(session, index, batch.last_position)) there = true;
  session.execute("ROLLBACK");
  return there;
}

bool Committer::moved_to(Session& session, std::size_t projection, const std::optional<Position>& position) const {
  const auto standing =
      checkpoints_.lock(session, projection, {.first = first_, .from = at_[projection], .to = position});
  if (standing == Checkpoints::Standing::elsewhere)
    throw RunError(
        "projection " + targets_[projection].projector->name() +
        ": its checkpoint is not where this run left it, since the server lost its last commits in a crash, or "
        "somebody changed it; the table holds the events up to the checkpoint: go on with --resume");
  return standing == Checkpoints::Standing::after;
}

void Committer::refuse_lost(Session& session) const {
  if (set_up_ == session_.number()) return;
  session.execute("BEGIN");
  for (std::size_t index = 0; index < targets_.size(); ++index) moved_to(session, index, at_[index]);
  session.execute("ROLLBACK");
}

void Committer::refuse_lost() {
  session_.use([this](Session& session) { refuse_lost(session); });
}

void Committer::finish(bool complete, const std::optional<std::string>& late_events) {
  session_.use([&](Session& session) {
    refuse_lost(session);
    checkpoints_.finish(session, complete, late_events);
  });
}

Committed Committer::write_plain(Session& session, const Batch& batch) {
  Committed committed;
  begin_batch(session);
  for (std::size_t index = 0; index < writers_.size(); ++index) {
    const auto written =
        writers_[index].write(session, batch.projections[index].changes, TableWriter::Trust::what_is_known);
    committed.projections.push_back({written.rows_written, written.rows_deleted, {}});
  }
  end_batch(session, batch);
  return committed;
}

Committed Committer::write_refused(Session& session, const Batch& batch, bool& surprised) {
  begin_batch(session);
  std::vector<RefusedBatch::Target> targets;
  for (std::size_t index = 0; index < targets_.size(); ++index)
    targets.push_back({&writers_[index], targets_[index].table});
  RefusedBatch refused(session, batch, targets,
                       {.on_error = settings_.on_error,
                        .show_values = settings_.show_values,
                        .deferrable = deferrable_,
                        .window_bytes = settings_.memory.kept_pages});
  Committed committed;
  for (Committed::Projection& written : refused.write()) {
    checkpoints_.add_dead_letters(session, committed.projections.size(), written.refused);
    committed.projections.push_back(std::move(written));
  }
  surprised = refused.surprised();
  end_batch(session, batch);
  return committed;
}

}  // namespace rebuild_projection

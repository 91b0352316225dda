#include "stages/read/scout.h"

#include <utility>

#include "pipeline/limits.h"

namespace rebuild_projection {

Scout::Scout(const EventStore& store, EventRange range, std::vector<Position> stretch_ends, LastingSession session)
    : store_(store), rest_(std::move(range)), stretch_ends_(std::move(stretch_ends)), session_(std::move(session)) {
  if (!stretch_ends_.empty()) rest_.stretch_end = stretch_ends_.front();
}

std::string Scout::opening() const {
  return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
         " SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;"
         " DECLARE positions NO SCROLL CURSOR FOR " +
         store_.positions(rest_) + "; ";
}

void Scout::pause() {
  if (!open_) return;
  session_.use([this](Session& session) {
    if (std::exchange(open_, false)) session.execute("COMMIT");
  });
}

std::optional<Bounds> Scout::next(std::uint64_t events) {
  while (!at_end_) {
    if (open_ && std::chrono::steady_clock::now() - opened_at_ > limits::snapshot_age_max) pause();
    const Rows found = session_.use([&](Session& session) {
      // Whatever fails ends the transaction; the next try opens it again, after what was found.
      const bool opens = !std::exchange(open_, false);
      if (opens) opened_at_ = std::chrono::steady_clock::now();
      // One message, of which the last statement's result comes back.
      Rows rows =
          session.execute((opens ? opening() : "") +
                          (events > 1 ? "MOVE FORWARD " + std::to_string(events - 1) + " FROM positions; " : "") +
                          "FETCH 1 FROM positions");
      open_ = true;
      return rows;
    });
    if (found.size() > 0) {
      Bounds bounds{rest_, stretch_, events};
      bounds.range.last.emplace();
      for (std::size_t column = 0; column < found.columns(); ++column)
        bounds.range.last->emplace_back(found.text(0, column));
      bounds.range.stretch_end.reset();  // it is not before that
      rest_.after = bounds.range.last;
      return bounds;
    }
    Bounds bounds = end_stretch();
    if (bounds.events > 0) return bounds;
  }
  return std::nullopt;
}

Bounds Scout::end_stretch() {
  Bounds bounds{rest_, stretch_, 0};
  // The cursor went past its end and does not say how far.
  bounds.events = session_.use([&](Session& session) { return store_.count(session, bounds.range); });
  pause();
  at_end_ = stretch_ == stretch_ends_.size();
  if (at_end_) return bounds;
  rest_.after = rest_.stretch_end;
  ++stretch_;
  rest_.stretch_end = stretch_ < stretch_ends_.size() ? std::optional(stretch_ends_[stretch_]) : std::nullopt;
  return bounds;
}

}  // namespace rebuild_projection

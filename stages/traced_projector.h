#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "pipeline/row_history.h"

namespace rebuild_projection {

/// Another projector, of which only the events are applied that touch one row; and what each of them does to that row
/// is noted. It must see every event that touches the row, from the first one on, in position order: whether the row is
/// there is known from what they do. An event that is handled again, in a batch that is repeated, is noted once.
class TracedProjector final : public Projector {
 public:
  /// `projector` outlives this. `key` is canonical (pipeline/key.h).
  TracedProjector(const Projector& projector, std::string key, bool show_values);

  void handle(const Event& event, Changes& changes) const override;
  [[nodiscard]] std::vector<std::string> paths_read(std::string_view event_type) const override {
    return projector_.paths_read(event_type);
  }

  /// After the run.
  [[nodiscard]] const std::vector<RowEvent>& events() const { return events_; }

 private:
  void note(const StoredEvent& event, const RowChange& change) const;

  const Projector& projector_;
  const std::string key_;
  const bool show_values_;
  // The run's memory of the row, guarded by mutex_.
  mutable std::mutex mutex_;
  mutable std::vector<RowEvent> events_;
  mutable std::set<Position> noted_;
  mutable bool there_ = false;
};

}  // namespace rebuild_projection

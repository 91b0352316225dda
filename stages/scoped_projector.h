#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/projector.h"
#include "stages/commit/unwritten_columns.h"
#include "stages/postgres/catalogue.h"
#include "stages/touched_rows.h"

namespace rebuild_projection {

/// Another projector, of which only some rows are rebuilt: it clears them alone, and drops every change of another.
class ScopedProjector final : public Projector {
 public:
  ScopedProjector(std::unique_ptr<Projector> projector, TouchedRows rows, const CatalogueTable& table);

  void handle(const Event& event, Changes& changes) const override;
  [[nodiscard]] std::vector<std::string> paths_read(std::string_view event_type) const override {
    return projector_->paths_read(event_type);
  }
  [[nodiscard]] std::unique_ptr<PathLook> path_look() const override { return projector_->path_look(); }
  [[nodiscard]] std::optional<std::size_t> stream_key_part() const override { return projector_->stream_key_part(); }
  [[nodiscard]] std::optional<std::string> clear() const override { return clear_; }
  /// Those that clear() deletes.
  [[nodiscard]] const SomeRows& touched() const { return touched_; }

 private:
  const std::unique_ptr<Projector> projector_;
  const TouchedRows rows_;
  const SomeRows touched_;
  const std::string clear_;
};

}  // namespace rebuild_projection

#pragma once

#include "pipeline/projector.h"

/// How many notes a candidate has, and the last of them.
class NoteCounts : public rebuild_projection::Projector {
 public:
  NoteCounts()
      : Projector({.name = "note_counts",
                   .table = "note_counts",
                   .key = {"candidate_id"},
                   .columns = {{"notes", rebuild_projection::Operation::add},
                               {"last_note", rebuild_projection::Operation::set},
                               {"last_at", rebuild_projection::Operation::max}},
                   .events = {"candidate.note_added"},
                   .payload = {.paths = {"/note"}}}) {}

  void handle(const rebuild_projection::Event& event, rebuild_projection::Changes& changes) const override {
    changes.upsert({event.stream_id()})
        .add("notes", 1)
        .set("last_note", event.value("/note"))
        .max("last_at", event.ts());
  }
};

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/changes.h"
#include "pipeline/event.h"
#include "pipeline/table.h"

namespace rebuild_projection {

/// Turns events into changes of one projection's rows.
///
/// Threads: everything here is const and called from several threads at once. handle() keeps no state between events
/// and reads no table; it is called for the events of a batch in position order, for several batches at once, and again
/// when a batch is repeated.
class Projector {
 public:
  Projector() = default;
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;
  virtual ~Projector() = default;

  /// What --projection selects; unique in a registry.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// Raised by its author when the rows' meaning changes.
  [[nodiscard]] virtual int version() const { return 1; }
  /// The same text for the same behaviour: a checkpoint made under another one cannot be resumed.
  [[nodiscard]] virtual std::string definition() const = 0;
  /// Table, key and the columns written, with the operations used on each. Constant.
  [[nodiscard]] virtual const TableLayout& table() const = 0;
  /// What it reads from payloads. Constant.
  [[nodiscard]] virtual const Extraction& extraction() const = 0;
  /// Whether handle() wants events of this type; others are counted as ignored and not parsed for it.
  [[nodiscard]] virtual bool handles(std::string_view event_type) const = 0;
  /// The event types it names, to warn about one that never occurred. "*" is left out.
  [[nodiscard]] virtual std::vector<std::string> event_types() const = 0;
  /// nullopt if replaying an event onto rows that already contain it gives the same rows; else what stands in the way,
  /// as a sentence's beginning: "candidate.toml:12: add".
  [[nodiscard]] virtual std::optional<std::string> not_repeatable() const = 0;

  /// Adds what `event` does to `changes`. Throws EventError if the event cannot be applied: then none of its changes
  /// are.
  virtual void handle(const Event& event, Changes& changes) const = 0;
};

/// Those of `known` that are `wanted`, in the order of `known`, each once; "all" is every one. Throws UsageError,
/// listing the names there are, for an unknown one.
std::vector<std::string> select_names(const std::vector<std::string>& known, const std::vector<std::string>& wanted);

/// The projectors a program knows, in the order they were registered.
class ProjectorRegistry {
 public:
  /// Throws UsageError if the name is taken.
  void add(std::unique_ptr<Projector> projector);
  [[nodiscard]] const Projector* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::vector<const Projector*> select(const std::vector<std::string>& names) const;  ///< by select_names

 private:
  std::vector<std::unique_ptr<Projector>> projectors_;
};

}  // namespace rebuild_projection

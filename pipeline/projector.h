#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "pipeline/changes.h"
#include "pipeline/event.h"
#include "pipeline/hash.h"
#include "pipeline/path_look.h"
#include "pipeline/table.h"

namespace rebuild_projection {

/// Turns events into changes of one projection's rows. A projector of one's own derives from this, says in its
/// constructor what it reads and writes, and in handle() what an event does; stages/README.md shows a whole one.
///
/// Threads: everything here is const and called from several threads at once. handle() keeps no state between events
/// and reads no table; it is called for the events of a batch in position order, for several batches at once, and again
/// when a batch is repeated.
class Projector {
 public:
  /// What a projector says of itself. Checked against the database before anything is read or cleared.
  struct Declaration {
    /// A column that handle() writes, and every operation that it uses on it.
    struct Write {
      std::string column;
      Operations operations;
    };
    std::string name = {};                 ///< what --projection selects; unique in a registry
    int version = 1;                       ///< raised by its author when handle() gives other rows than before
    std::string table = {};                ///< "candidate_summary" or "schema.table"; must exist
    std::vector<std::string> key = {};     ///< columns; a plain unique index must have exactly these
    std::vector<Write> columns = {};       ///< without the key
    bool updates = false;                  ///< handle() uses Changes::update()
    std::vector<std::string> events = {};  ///< types that handle() is called for, or "*"; others count as ignored
    Extraction payload = {};               ///< what handle() reads from payloads
    /// The same text for the same behaviour: a checkpoint made under another one cannot be resumed. Empty: made from
    /// everything above, where `version` stands for the code of handle().
    std::string definition = {};
    /// What stands in the way of replaying an event onto rows that already hold it, as a sentence's beginning:
    /// "candidate.toml:12: add". Empty: `add`, `append` and `updates`, where there are any; else nothing does.
    std::string not_repeatable = {};
  };

  explicit Projector(const Declaration& declaration);
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;
  virtual ~Projector() = default;

  [[nodiscard]] const Declaration& declaration() const { return declaration_; }
  [[nodiscard]] const std::string& name() const { return declaration_.name; }
  [[nodiscard]] int version() const { return declaration_.version; }
  [[nodiscard]] const std::string& definition() const { return declaration_.definition; }
  [[nodiscard]] const Extraction& extraction() const { return declaration_.payload; }
  /// Its table. Types and scales are known once it is bound to the catalogue (bind_projector in
  /// stages/apply/projector_binding.h).
  [[nodiscard]] const TableLayout& table() const { return table_; }
  /// Whether handle() is called for events of this type.
  [[nodiscard]] bool handles(std::string_view event_type) const;
  [[nodiscard]] bool handles_every_type() const { return every_event_; }
  /// The paths, and patterns of elements, of which handle() reads values from events of this type. Nothing else of
  /// their payloads need be there.
  [[nodiscard]] virtual std::vector<std::string> paths_read(std::string_view event_type) const;
  /// What finds out during a run which of its paths lead somewhere.
  [[nodiscard]] virtual std::unique_ptr<PathLook> path_look() const;
  /// The part of the key that is the event's stream id, whatever the event: then the events of one stream alone touch a
  /// row. nullopt: there is none, or that is not known.
  [[nodiscard]] virtual std::optional<std::size_t> stream_key_part() const { return std::nullopt; }
  /// The event types it names, sorted, without "*".
  [[nodiscard]] std::vector<std::string> event_types() const;

  /// What keeps an event from being replayed onto rows that hold it already; empty: nothing.
  [[nodiscard]] const std::string& not_repeatable() const { return declaration_.not_repeatable; }

  /// Adds what `event` does to `changes`. Throws EventError if the event cannot be applied: then none of its changes
  /// are.
  virtual void handle(const Event& event, Changes& changes) const = 0;

  /// What empties the projection before a rebuild, as one SQL statement in the transaction of the first batch; nullopt:
  /// every row of the table. For a table of which a projection owns a part only; the SQL names it with its schema.
  /// --truncate does not change it.
  [[nodiscard]] virtual std::optional<std::string> clear() const { return std::nullopt; }

 protected:
  /// With the layout of a table that was looked up: `table`, `key` and `columns` of the declaration are not used.
  Projector(Declaration declaration, TableLayout table);

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return hash_of(text); }
  };

 private:
  Declaration declaration_;
  TableLayout table_;
  bool every_event_ = false;
  std::unordered_set<std::string, TextHash, std::equal_to<>> event_types_;
};

/// Why --projection could not select this name, as the end of a sentence that begins with it; empty: it could.
std::string name_problem(std::string_view name);

/// Those of `known` that are `wanted`, in the order of `known`, each once; "all" is every one. Throws UsageError,
/// listing the names there are, for an unknown one.
std::vector<std::string> select_names(const std::vector<std::string>& known, const std::vector<std::string>& wanted);

/// The projectors a program knows, in the order they were registered.
class ProjectorRegistry {
 public:
  /// Throws UsageError if the name is taken, or has a name_problem().
  void add(std::unique_ptr<Projector> projector);
  [[nodiscard]] const Projector* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::vector<const Projector*> select(const std::vector<std::string>& names) const;  ///< by select_names

 private:
  std::vector<std::unique_ptr<Projector>> projectors_;
};

}  // namespace rebuild_projection

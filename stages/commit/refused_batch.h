#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/event_changes.h"
#include "pipeline/options.h"
#include "pipeline/stages.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Rows by their canonical keys, or all that there are.
class RowKeys {
 public:
  void add(std::string_view key);
  void add(const RowKeys& others);
  void add_all();
  void remove(std::string_view key);
  [[nodiscard]] bool contains(std::string_view key) const { return all_ || keys_.contains(key); }
  [[nodiscard]] bool all() const { return all_; }
  [[nodiscard]] bool empty() const { return !all_ && keys_.empty(); }
  /// Of those that were added one by one.
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  std::set<std::string, std::less<>> keys_;
  bool all_ = false;
};

/// Writes a batch that the server refused as it stands, in the transaction that the session is in, so that the events
/// to blame are left out and nothing else is.
///
/// Rows first: they are written under savepoints, those of a refused part apart from one another, until the refused
/// ones are known. What others stand in the way of is tried again when these are written. Then the events of the
/// refused rows are folded once more (Batch::for_changes), and written in their order, by halves where the server
/// refuses them, until one is refused alone: it is to blame, and left out of all its rows.
///
/// Which of several rows is to blame for a value that only one of them may have is a question of their order: then all
/// rows of the projection are written event by event.
class RefusedBatch {
 public:
  struct Target {
    TableWriter* writer = nullptr;
    const CatalogueTable* table = nullptr;
  };
  struct Settings {
    OnError on_error = OnError::stop;
    bool show_values = false;
    bool deferrable = false;       ///< some constraint can be deferred
    std::size_t window_bytes = 0;  ///< of the events that are folded once more, in memory at once
  };

  /// `targets` are those of the batch's projections. All outlive this.
  RefusedBatch(Session& session, const Batch& batch, const std::vector<Target>& targets, Settings settings);

  /// What became of each projection. Throws RefusedEvent where errors stop the run, SqlError for what no event is to
  /// blame for.
  std::vector<Committed::Projection> write();
  /// Whether rows were not as this run left them.
  [[nodiscard]] bool surprised() const { return surprised_; }

 private:
  using Row = const ChangeSet::Row*;
  using RowSpan = std::span<const Row>;
  using Trust = TableWriter::Trust;
  enum class Part : std::uint8_t {
    removals,  ///< the rows that go
    all,
  };
  struct Projection : Target {
    Projection(const Target& target, const Batch::Projection& in_batch)
        : Target(target), of_batch(in_batch), begin(writer->mark()), window(in_batch.projector->table()) {}
    void begin_again();

    const Batch::Projection& of_batch;
    TableWriter::Mark begin;
    RowKeys apart;                                 ///< rows of which the events are folded once more
    RowKeys waiting;                               ///< refused rows that are tried again when others are written
    std::size_t tried = 0;                         ///< rows
    std::map<std::uint64_t, DeadLetter> left_out;  ///< by the event's number in the batch
    EventChanges window;
    Committed::Projection written;
  };
  struct Verdict {
    bool accepted = false;
    bool contradicts = false;  ///< rows may be other than this run left them
    bool may_wait = false;     ///< when other rows are written, these may be accepted
    Row refused = nullptr;     ///< of several rows, if the server named it
  };

  bool written();
  bool write_rows();
  template <typename Wanted>
  void write_rows_of(Projection& projection, Part part, bool backwards, const Wanted& wanted);
  void write_apart(Projection& projection, const ChangeSet& changes, RowSpan all, Part part);
  Verdict try_rows(Projection& projection, const ChangeSet& changes, RowSpan rows, Part part, Trust trust);

  bool fold_events();
  void settle_windows();
  void settle(Projection& projection);
  bool settle(Projection& projection, std::size_t begin, std::size_t end, bool refused);
  void blame(Projection& projection, std::size_t event, const SqlError& error, const ChangeSet& changes);

  template <typename Write>
  void under_savepoint(Projection& projection, const Write& write);
  void need_key(Projection& projection);

  Session& session_;
  const Batch& batch_;
  std::deque<Projection> projections_;
  Settings settings_;
  bool settled_ = false;   ///< no row was written that must not be
  bool in_doubt_ = false;  ///< who is to blame is yet to be found, in the order of all events
  bool surprised_ = false;
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "pipeline/event_changes.h"
#include "pipeline/options.h"
#include "pipeline/stages.h"
#include "stages/commit/row_keys.h"
#include "stages/commit/table_writer.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Writes a batch that the server refused as it stands, in the transaction that the session is in, so that the events
/// to blame are left out and nothing else is.
///
/// Rows first: they are written under savepoints, those of a refused part apart from one another, until the refused
/// ones are known. What others stand in the way of is tried again when these are written. Then the events of the
/// refused rows are folded once more (Batch::for_changes), and each row's written in their order, fewer at once where
/// the server refuses them, until one is refused alone: it is to blame, and left out of all its rows.
///
/// Where one that is to blame changes several rows, and where errors stop the run, the rows' events are written in one
/// order. Which of several rows is to blame for a value that only one of them may have is a question of that order too:
/// then all rows of the projection are written so.
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
  using Change = EventChanges::Change;
  using ChangeSpan = std::span<const Change>;
  using Trust = TableWriter::Trust;
  static constexpr std::size_t all_at_once = std::numeric_limits<std::size_t>::max() / 2;
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
    /// Events are judged one after the other, with all their rows that are apart; else rows are, one by one.
    bool in_order = false;
    std::size_t step = all_at_once;  ///< rows or events of the window to write at once
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
  template <typename Alone>
  void settle_parts(Projection& projection, std::span<const ChangeSpan> parts, std::size_t& step, const Alone& alone);
  void blame(Projection& projection, ChangeSpan refused, const SqlError& error);

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

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/change_set.h"
#include "stages/commit/known_rows.h"
#include "stages/commit/late_key.h"
#include "stages/commit/merge_rows.h"
#include "stages/commit/new_rows.h"
#include "stages/commit/target_table.h"
#include "stages/commit/update_rows.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Thrown by TableWriter::write(): a row that this run wrote is not there. Somebody else writes to the table, or its
/// key is taken for another's.
struct RowsNotAsKnown : RunError {
  using RunError::RunError;
};

/// Writes change sets into one projection's table, set-based: a DELETE for the rows that go, a COPY for those that are
/// new, an UPDATE for those that are there, and a MERGE for those of which that is not known. Values travel as text and
/// are converted by the columns' own input functions. A table without its key gets it with the first but the COPY.
/// `layout` and `table` must describe the same table and outlive this. One thread at a time.
class TableWriter {
 public:
  /// Remembers in at most `known_bytes_max` which rows are there. What was spilled of a change set comes back in some
  /// `merge_bytes`.
  TableWriter(const TableLayout& layout, const CatalogueTable& table, std::size_t known_bytes_max,
              std::size_t merge_bytes);
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  struct Written {
    std::uint64_t rows_written = 0;
    std::uint64_t rows_deleted = 0;
  };
  enum class Trust : std::uint8_t {
    what_is_known,  ///< which the server contradicts with 23505 or by RowsNotAsKnown where it is wrong
    nothing,
  };

  /// Prepares the statements in a session, under names that begin with `name`.
  void prepare(Session& session, const std::string& name);
  /// Applies `changes` within the session's transaction. Throws SqlError or RowsNotAsKnown; the transaction, or all of
  /// it since a savepoint, is then to be rolled back.
  Written write(Session& session, const ChangeSet& changes, Trust trust);
  /// The same for some rows of a change set that is in memory.
  Written write_rows(Session& session, const ChangeSet& changes, std::span<const ChangeSet::Row* const> rows,
                     Trust trust);
  /// Deletes those of the rows that go; how many were there.
  std::uint64_t delete_rows(Session& session, const ChangeSet& changes, std::span<const ChangeSet::Row* const> rows);
  /// ChangeSet::for_parts(), with the memory that this writer has for it.
  void for_parts(const ChangeSet& changes, const std::function<void(const ChangeSet&)>& visit) const {
    changes.for_parts(merge_bytes_, visit);
  }
  /// Makes the table's key if it is not there, before a savepoint rather than after it.
  void need_key(Session& session) { key_.need(session); }

  /// Deletes every row. With `truncate`, older snapshots see an empty table; never CASCADE.
  std::uint64_t clear(Session& session, bool truncate);
  /// Looks whether there is no row.
  void look_if_empty(Session& session);

  /// What write() and clear() did in the transaction counts from commit() on.
  void commit() {
    known_.commit();
    key_.commit();
  }
  void roll_back() {
    known_.roll_back();
    key_.roll_back();
  }
  /// What was done so far in the transaction, and that what came after it is undone.
  struct Mark {
    std::size_t known = 0;
    bool key = false;
  };
  [[nodiscard]] Mark mark() const { return {known_.mark(), key_.mark()}; }
  void roll_back_to(const Mark& mark) {
    known_.roll_back_to(mark.known);
    key_.roll_back_to(mark.key);
  }
  void forget_rows() { known_.forget(); }

 private:
  /// The rows of a change set by the way they are written.
  struct Sorted {
    std::vector<const ChangeSet::Row*> created, changed;
    struct Unknown {
      const ChangeSet::Row* row = nullptr;
      MergeRows::Branch branch = MergeRows::Branch::both;
    };
    std::vector<Unknown> unknown;
  };
  static void sort_unknown(const ChangeSet::Row& row, Sorted& result);
  [[nodiscard]] Sorted sort(std::span<const ChangeSet::Row* const> rows, Trust trust) const;
  [[nodiscard]] std::string delete_sql() const;

  TargetTable table_;
  std::string delete_name_;
  NewRows new_rows_;
  UpdateRows update_rows_;
  MergeRows merge_rows_;
  KnownRows known_;
  LateKey key_;
  std::size_t merge_bytes_;
};

}  // namespace rebuild_projection

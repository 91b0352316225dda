#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/change_set.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Writes change sets into one projection's table, set-based: a DELETE for the rows that go and a MERGE for the rest, a
/// statement each for thousands of rows. Values travel as arrays of text and are converted by the columns' own input
/// functions. `layout` and `table` must describe the same table and outlive this. One thread at a time.
class TableWriter {
 public:
  TableWriter(const TableLayout& layout, const CatalogueTable& table);

  struct Written {
    std::uint64_t rows_written = 0;
    std::uint64_t rows_deleted = 0;
  };

  /// Prepares the statements in a session, under names that begin with `name`.
  void prepare(Session& session, const std::string& name);
  /// Applies `changes` within the session's transaction. Throws SqlError; the transaction is then to be rolled back.
  Written write(Session& session, const ChangeSet& changes) const;

  /// Deletes every row. With `truncate`, older snapshots see an empty table; never CASCADE.
  std::uint64_t clear(Session& session, bool truncate) const;

  /// The statements, for the curious and for tests.
  [[nodiscard]] std::string merge_sql() const;
  [[nodiscard]] std::string delete_sql() const;

 private:
  /// A column with what the statements need of it.
  struct Target {
    const Column* column = nullptr;
    const CatalogueColumn* catalogue = nullptr;
    bool combines = false;  ///< has the if-null array
    bool appends = false;   ///< has arrays for the appended elements
  };
  class Encoder;

  [[nodiscard]] std::string table_name() const;
  [[nodiscard]] std::string key_condition() const;
  [[nodiscard]] std::string result_expression(std::size_t column, const std::string& current) const;

  const CatalogueTable& table_;
  std::vector<Target> targets_;
  std::vector<const CatalogueColumn*> key_;
  std::string merge_name_;
  std::string delete_name_;
};

}  // namespace rebuild_projection

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipeline/table.h"
#include "stages/apply/rules.h"
#include "stages/postgres/catalogue.h"

namespace rebuild_projection {

/// What a projection's columns must be, whoever declares them: a file or a projector of the program. `line` is where
/// the declaration stands. Refers to `table`.
class ColumnChecks {
 public:
  using Say = std::function<void(int line, std::string sentence)>;

  ColumnChecks(std::string table_name, const CatalogueTable& table, Say say)
      : table_name_(std::move(table_name)), table_(table), say_(std::move(say)) {}

  /// The column, or nullptr after a mistake.
  [[nodiscard]] const CatalogueColumn* find(const std::string& name, int line) const;
  /// The layout of the key, which a plain unique index must have exactly.
  [[nodiscard]] std::vector<Column> bind_key(const std::vector<KeyColumn>& key, int line) const;
  /// Whether the operation is defined on the column.
  bool check_operation(const CatalogueColumn& column, Operation operation, int line) const;

 private:
  void check_unique_index(const std::vector<KeyColumn>& key_columns, int line) const;

  std::string table_name_;
  const CatalogueTable& table_;
  Say say_;
};

}  // namespace rebuild_projection

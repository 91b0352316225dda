#pragma once

#include <string>
#include <vector>

#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"

namespace rebuild_projection {

/// A projection's table as its projector and as the catalogue see it, side by side. `layout` and `catalogue` must
/// describe the same table and outlive this.
struct TargetTable {
  struct Target {
    const Column* column = nullptr;
    const CatalogueColumn* catalogue = nullptr;
    bool combines = false;  ///< under add, min, max or append
    bool appends = false;
  };

  TargetTable(const TableLayout& layout, const CatalogueTable& catalogue);

  std::string name;        ///< quoted, with its schema
  std::string plain_name;  ///< neither
  std::vector<const CatalogueColumn*> key;
  std::vector<Target> columns;  ///< as in TableLayout

  /// "t.key = d.k0::type AND …", where t is the table and d has the keys' texts.
  [[nodiscard]] std::string key_condition() const;
};

/// SQL of the value that a column begins with, of its base type. A number is brought to the column's scale, as it would
/// be in a row: something may be added to it. Other lengths are left to the assignment, which refuses what a cast would
/// cut.
std::string initial_sql(const CatalogueColumn& column);

/// 'k' and 3: "k3". Columns of the sources of statements are named so: the kind of the array, and the column it is for.
std::string array_name(char kind, std::size_t column);
/// "d.k3"
std::string source(char kind, std::size_t column);

}  // namespace rebuild_projection

#include "stages/scoped_projector.h"

#include <utility>

#include "stages/postgres/session.h"

namespace rebuild_projection {

namespace {

/// The rows with these keys. The keys stand side by side in arrays, a part each.
SomeRows with_keys(const TouchedRows& rows, const TableLayout& layout, const CatalogueTable& table) {
  std::string arrays, names, same;
  for (std::size_t part = 0; part < layout.key.size(); ++part) {
    ArrayText array;
    for (const std::string& value : rows.values(layout, part)) array.add(value);
    const std::string name = "k" + std::to_string(part), separator = part == 0 ? "" : ", ";
    arrays += separator + literal(array.take()) + "::" + table.find(layout.key[part].name)->base_type + "[]";
    names += separator + name;
    same += (part == 0 ? "" : " AND ") + ("r." + quote_name(layout.key[part].name)) + " = touched." + name;
  }
  return {.with = "WITH touched(" + names + ") AS (SELECT * FROM unnest(" + arrays + ")) ",
          .condition = "EXISTS (SELECT FROM touched WHERE " + same + ")"};
}

}  // namespace

ScopedProjector::ScopedProjector(std::unique_ptr<Projector> projector, TouchedRows rows, const CatalogueTable& table)
    : Projector(projector->declaration(), projector->table()),
      projector_(std::move(projector)),
      rows_(std::move(rows)),
      touched_(with_keys(rows_, this->table(), table)),
      clear_(touched_.with + "DELETE FROM " + quote_name(table.schema, table.name) + " AS r WHERE " +
             touched_.condition) {}

void ScopedProjector::handle(const Event& event, Changes& changes) const {
  projector_->handle(event, changes);
  changes.keep_rows([this](std::string_view key) { return rows_.contains(key); });
}

}  // namespace rebuild_projection

#pragma once

#include <optional>
#include <string>

#include "pipeline/table.h"
#include "stages/apply/rules.h"
#include "stages/postgres/catalogue.h"

/// What a column's type in the catalogue means to a projection. Each check returns what is wrong as the end of a
/// sentence, or nullopt.
namespace rebuild_projection {

ColumnType column_type(const CatalogueColumn& column);

/// Of which type without time zone it is, or its elements are.
TimeWithoutZone time_without_zone(const CatalogueColumn& column);

/// Digits after the point that the type keeps: 0 for integers, s for numeric(p, s); nullopt for every other type.
std::optional<int> scale_of(const CatalogueColumn& column);

/// Whether keys of this type can be compared without the database.
std::optional<std::string> key_type_problem(const CatalogueColumn& column);

/// Whether `operation` is defined on this column.
std::optional<std::string> operation_problem(const CatalogueColumn& column, Operation operation);

/// Whether the constant can be written to the column, as far as that can be told without the database.
std::optional<std::string> constant_problem(const CatalogueColumn& column, const Constant& constant);

}  // namespace rebuild_projection

#pragma once

#include <string>
#include <vector>

#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Some rows of a table, which is `r` in the condition; `with` comes before the statement. Empty: all of them.
struct SomeRows {
  std::string with = {};
  std::string condition = {};
};

/// The columns of which a row loses the value when it is deleted and made again: the projection does not write them,
/// the database does not generate them, and one of the rows holds another value than a constant default. Where the
/// default is no constant (a sequence, now()), no value comes again. Reads the rows once, if there are such columns.
std::vector<std::string> columns_lost_with(Session& session, const SomeRows& rows, const TableLayout& layout,
                                           const CatalogueTable& table);

}  // namespace rebuild_projection

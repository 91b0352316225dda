#pragma once

#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pipeline/changes.h"

/// Rows as the simplest program would keep them: a map of texts, changed one operation at a time. The oracle of the
/// algebra.
namespace rebuild_projection::plain {

using Cell =
    std::optional<std::string>;  ///< nullopt is NULL; a list is its base and "|element" for each that was appended
using Cells = std::vector<Cell>;
using Rows = std::map<std::string, Cells>;  ///< by key

/// What an operation is given: what stands in the payload, and what the column makes of it.
struct Input {
  Json::Kind kind = Json::Kind::string;
  std::string payload;
  std::string value;
};

struct Assignment {
  Operation operation = Operation::set;
  std::size_t column = 0;
  Input input;
};

/// One elementary change of one row.
struct Step {
  enum class Kind { upsert, update, remove } kind = Kind::upsert;
  std::string row;
  std::vector<Assignment> assignments;
};

/// A table with a column for every operation, and what may be written to each column.
const TableLayout& table();
std::vector<Step> random_steps(std::mt19937& random, std::size_t count);
/// A row as it may stand in the table before; also good for column defaults.
Cells random_cells(std::mt19937& random);
Rows random_rows(std::mt19937& random);

/// Steps applied one after another.
void simulate(Rows& rows, const Cells& defaults, const std::vector<Step>& steps);

/// The same steps, folded by what is tested.
ChangeSet fold(const std::vector<Step>& steps, std::size_t begin, std::size_t end);
/// Does to `rows` what the change set says, reading it as its contract does.
void apply(Rows& rows, const Cells& defaults, const ChangeSet& changes);

std::string described(const std::vector<Step>& steps);
std::string described(const Rows& rows);
/// Everything a change set says, so that two can be compared.
std::string described(const ChangeSet& changes);

}  // namespace rebuild_projection::plain

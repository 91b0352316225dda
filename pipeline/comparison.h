#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What VERIFY found when it held the rows of a live table against what the events say. Plain values.
namespace rebuild_projection {

/// A row in which they are not the same.
struct Drift {
  enum class Kind : std::uint8_t {
    missing,    ///< the events say that it is there
    extra,      ///< it is there, and no event says so
    different,  ///< some of its columns are not as the events say
  };
  using Text = std::optional<std::string>;  ///< nullopt: NULL

  Kind kind = Kind::different;
  std::vector<Text> key;             ///< parallel to Comparison::key
  std::vector<std::string> columns;  ///< that differ; of a row that is missing or extra every column, with its values
  std::vector<Text> expected, live;  ///< values of `columns`, with --show-values only, of the rows that are there
};
std::string_view name_of(Drift::Kind kind);

/// Of one projection.
struct Comparison {
  struct Column {
    std::string name;
    std::uint64_t rows = 0;  ///< in which it differs
  };
  std::vector<std::string> key;  ///< the names of its columns
  std::uint64_t expected_rows = 0, live_rows = 0;
  std::uint64_t equal = 0, missing = 0, extra = 0, different = 0;
  std::vector<Column> columns;                           ///< those that differ somewhere
  std::vector<std::pair<std::string, Drift::Text>> row;  ///< of explain_row(), with --show-values: as the events say
  std::vector<Drift> first;                              ///< --drift-limit, in the order of their keys
  std::string digest;                                    ///< of the rows as the events say
  std::string live_digest;                               ///< the same where there is no drift

  [[nodiscard]] std::uint64_t drifted() const { return missing + extra + different; }
};

}  // namespace rebuild_projection

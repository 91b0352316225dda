#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/event.h"
#include "pipeline/table.h"
#include "stages/apply/projection_file.h"

/// A projection file as plain values, each with its line: what the reader produces, and what binding, definition and
/// projector are made from. Immutable once read.
namespace rebuild_projection {

/// PostgreSQL's INDEX_MAX_KEYS: no unique index can cover more.
inline constexpr std::size_t key_columns_max = 32;

/// A text, number or boolean that stands in the file. `text` is what reaches the column: "true", "12.50".
struct Constant {
  Json::Kind kind = Json::Kind::string;  ///< string, number or boolean
  std::string text;
};

enum class Attribute : std::uint8_t { event_id, ts, type, stream_id, position, metadata };

/// Where a value comes from.
struct ValueSource {
  enum class Kind : std::uint8_t {
    payload,    ///< `path` is a JSON Pointer into the payload; "" (written "@payload") is all of it
    element,    ///< `path` is relative to the element of for_each; "" (written ".") is the element itself
    matched,    ///< what the for_each's `wildcard`-th * matched, counted from 0
    attribute,  ///< a column of the store
    constant,
  };
  Kind kind = Kind::constant;
  std::string path;
  std::size_t wildcard = 0;
  Attribute attribute = Attribute::event_id;
  Constant constant;
  std::optional<Constant> fallback;  ///< used where the path leads nowhere, not where it leads to null
  std::string written;               ///< as the file spells it, for messages; empty for constants
  int line = 1;

  [[nodiscard]] bool is_timestamp() const { return kind == Kind::attribute && attribute == Attribute::ts; }
};

/// One entry of `when`.
struct Condition {
  ValueSource source;
  std::optional<bool> exists;    ///< { exists = … }; else
  std::vector<Constant> any_of;  ///< one of these
};

struct KeyPart {
  std::string column;
  ValueSource value;
  int line = 1;
};

/// One column under set, init, add, min, max or append.
struct Assignment {
  Operation operation = Operation::set;
  std::string column;
  ValueSource value;
  int line = 1;
};

/// One [[on]] entry.
struct Rule {
  enum class Rows : std::uint8_t { upsert, update, remove };
  int line = 1;
  bool every_event = false;         ///< "*"
  std::vector<std::string> events;  ///< else these types, each once
  std::vector<Condition> when;
  std::optional<std::string> for_each;  ///< the pattern
  int for_each_line = 1;
  Rows rows = Rows::upsert;
  int rows_line = 1;         ///< of `rows` or `delete`
  std::vector<KeyPart> key;  ///< in the order of the projection's key
  std::vector<Assignment> assignments;
};

struct KeyColumn {
  std::string name;
  int line = 1;
};

struct ProjectionFile::Content {
  std::filesystem::path path;
  std::string name;
  int name_line = 1;
  std::string table;
  int table_line = 1;
  std::vector<KeyColumn> key;
  int key_line = 1;
  int version = 1;
  std::vector<Rule> rules;
};

}  // namespace rebuild_projection

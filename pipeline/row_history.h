#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/event.h"

/// What events did to one row, in their order: what --explain-row says. Plain values.
namespace rebuild_projection {

struct RowEvent {
  enum class Effect : std::uint8_t {
    created,
    changed,
    deleted,
    created_anew,  ///< deleted and created again
    row_absent,    ///< nothing: it changes or deletes a row that is there, and none was
    no_column,     ///< nothing: the row was there, and no column was to be changed
  };
  struct Column {
    std::string name;
    std::string operation;             ///< "set", "add", … as a projection file spells it
    std::optional<std::string> value;  ///< with --show-values; "NULL" is said as such
  };

  std::string event_id;
  Position position;
  std::string type;
  Effect effect = Effect::changed;
  std::vector<Column> columns;
};
std::string_view name_of(RowEvent::Effect effect);

struct RowHistory {
  std::vector<std::pair<std::string, std::string>> key;  ///< column and value
  std::vector<RowEvent> events;
};

}  // namespace rebuild_projection

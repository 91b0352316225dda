#include "pipeline/row_history.h"

namespace rebuild_projection {

std::string_view name_of(RowEvent::Effect effect) {
  switch (effect) {
    case RowEvent::Effect::created:
      return "created";
    case RowEvent::Effect::changed:
      return "changed";
    case RowEvent::Effect::deleted:
      return "deleted";
    case RowEvent::Effect::created_anew:
      return "deleted and created anew";
    case RowEvent::Effect::row_absent:
      return "no effect: the row was absent";
    case RowEvent::Effect::no_column:
      return "no effect: no column was to be changed";
  }
  return "unknown";
}

}  // namespace rebuild_projection

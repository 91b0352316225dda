#include "pipeline/comparison.h"

namespace rebuild_projection {

std::string_view name_of(Drift::Kind kind) {
  switch (kind) {
    case Drift::Kind::missing:
      return "missing";
    case Drift::Kind::extra:
      return "extra";
    case Drift::Kind::different:
      return "different";
  }
  return "unknown";
}

}  // namespace rebuild_projection

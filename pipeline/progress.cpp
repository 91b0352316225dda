#include "pipeline/progress.h"

namespace rebuild_projection {

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::read:
      return "read";
    case Stage::parse:
      return "parse";
    case Stage::apply:
      return "apply";
    case Stage::commit:
      return "commit";
  }
  return "unknown";
}

}  // namespace rebuild_projection

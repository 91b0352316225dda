#include "pipeline/stages.h"

namespace rebuild_projection {

RefusedEvent::RefusedEvent(std::string in_projection, DeadLetter refused)
    : RunError(refused.error), projection(std::move(in_projection)), event(std::move(refused)) {}

}  // namespace rebuild_projection

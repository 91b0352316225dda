#include "stages/verify.h"

#include <optional>
#include <utility>

#include "pipeline/error.h"
#include "stages/verification.h"

namespace rebuild_projection {

Report verify(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  std::optional<Verification> run;
  try {
    Preparation prepared = prepare(options, registry, stop);
    Plan plan = make_plan(prepared, stop);
    if (options.progress != nullptr) options.progress->events_total = plan.events(options);
    run.emplace(std::move(prepared), std::move(plan), std::move(stop));
    run->set_up();
  } catch (const SqlError& error) {
    throw refused_check(error);
  }
  return run->go();
}

}  // namespace rebuild_projection

#include "stages/verify.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/error.h"
#include "stages/verification.h"

namespace rebuild_projection {

namespace {

void refuse_parts_of_tables(const Preparation& prepared) {
  std::vector<std::string> mistakes;
  for (const auto& selected : prepared.selected)
    if (selected.projector->clear())
      mistakes.push_back("projection " + selected.projector->name() + " clears " + selected.table.schema + "." +
                         selected.table.name +
                         " by a statement of its own, so some of its rows may be others', and VERIFY cannot tell them "
                         "apart; leave the projection out");
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
}

}  // namespace

Report verify(const Options& options, const ProjectorRegistry& registry, std::stop_token stop) {
  std::optional<Verification> run;
  try {
    Preparation prepared = prepare(options, registry, stop);
    refuse_parts_of_tables(prepared);
    Plan plan = make_plan(prepared, stop);
    if (options.progress != nullptr) options.progress->events_total = plan.events(options);
    run.emplace(std::move(prepared), std::move(plan), std::move(stop));
    run->set_up();
  } catch (const SqlError& error) {
    throw UsageError(std::string("the database refused a check before the run: ") + error.what() + " (SQLSTATE " +
                     error.sqlstate + ")");
  }
  return run->go();
}

}  // namespace rebuild_projection

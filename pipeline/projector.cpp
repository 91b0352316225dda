#include "pipeline/projector.h"

#include <algorithm>

#include "pipeline/error.h"

namespace rebuild_projection {

std::vector<std::string> select_names(const std::vector<std::string>& known, const std::vector<std::string>& wanted) {
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::string list;
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  std::string mistakes;
  for (const std::string& name : wanted)
    if (name != "all" && !has(known, name))
      mistakes += (mistakes.empty() ? "" : "\n") + std::string("There is no projection named \"") + name + "\"; " +
                  (known.empty() ? "there are none at all." : "there are: " + list + ".");
  if (!mistakes.empty()) throw UsageError(mistakes);

  std::vector<std::string> selected;
  for (const std::string& name : known)
    if (has(wanted, "all") || has(wanted, name)) selected.push_back(name);
  return selected;
}

void ProjectorRegistry::add(std::unique_ptr<Projector> projector) {
  if (find(projector->name()) != nullptr)
    throw UsageError("There are two projections named \"" + projector->name() + "\"; rename one of them.");
  projectors_.push_back(std::move(projector));
}

const Projector* ProjectorRegistry::find(std::string_view name) const {
  for (const auto& projector : projectors_)
    if (projector->name() == name) return projector.get();
  return nullptr;
}

std::vector<std::string> ProjectorRegistry::names() const {
  std::vector<std::string> result;
  result.reserve(projectors_.size());
  for (const auto& projector : projectors_) result.push_back(projector->name());
  return result;
}

std::vector<const Projector*> ProjectorRegistry::select(const std::vector<std::string>& names) const {
  std::vector<const Projector*> result;
  for (const std::string& name : select_names(this->names(), names)) result.push_back(find(name));
  return result;
}

}  // namespace rebuild_projection

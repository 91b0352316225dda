#include "pipeline/projector.h"

#include <algorithm>
#include <stdexcept>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

TableLayout layout_of(const Projector::Declaration& declaration) {
  TableLayout layout;
  layout.name = declaration.table;
  layout.updates = declaration.updates;
  for (const std::string& column : declaration.key) layout.key.push_back({.name = column});
  for (const auto& [column, operations] : declaration.columns)
    layout.columns.push_back({.name = column, .operations = operations});
  return layout;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
  return result + '"';
}

std::string quoted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  std::string result;
  for (const std::string& text : texts) result += ' ' + quoted(text);
  return result + '\n';
}

std::string definition_of(const Projector::Declaration& declaration) {
  std::string text = "projector " + quoted(declaration.name) + " version " + std::to_string(declaration.version) +
                     "\ntable " + quoted(declaration.table) + "\nkey";
  for (const std::string& column : declaration.key) text += ' ' + quoted(column);
  text += "\nevents" + quoted(declaration.events);
  if (declaration.updates) text += "updates\n";
  std::vector<std::string> writes;
  for (const auto& [column, operations] : declaration.columns) {
    std::string& line = writes.emplace_back("column " + quoted(column));
    for (const Operation one : all_operations)
      if (operations.has(one)) line += ' ' + std::string(name_of(one));
  }
  text += "reads" + quoted(declaration.payload.paths);
  for (const auto& [pattern, paths] : declaration.payload.elements)
    writes.push_back("for each " + quoted(pattern) + quoted(paths));
  std::sort(writes.begin(), writes.end());
  for (const std::string& line : writes) text += line + '\n';
  return text;
}

/// As Declaration::not_repeatable.
std::string obstacle_of(const Projector::Declaration& declaration) {
  for (const auto& [column, operations] : declaration.columns)
    for (const Operation one : {Operation::add, Operation::append})
      if (operations.has(one)) return std::string(name_of(one)) + " on column " + quoted(column);
  return declaration.updates ? "changing existing rows only" : "";
}

}  // namespace

Projector::Projector(const Declaration& declaration) : Projector(declaration, layout_of(declaration)) {
  if (declaration_.definition.empty()) declaration_.definition = definition_of(declaration_);
  if (declaration_.not_repeatable.empty()) declaration_.not_repeatable = obstacle_of(declaration_);
}

Projector::Projector(Declaration declaration, TableLayout table)
    : declaration_(std::move(declaration)), table_(std::move(table)) {
  for (const std::string& type : declaration_.events)
    if (type == "*")
      every_event_ = true;
    else
      event_types_.insert(type);
}

bool Projector::handles(std::string_view event_type) const {
  return every_event_ || event_types_.contains(event_type);
}

std::vector<std::string> Projector::paths_read(std::string_view) const {
  std::vector<std::string> paths = extraction().paths;
  for (const Extraction::Elements& elements : extraction().elements) paths.push_back(elements.pattern);
  return paths;
}

std::unique_ptr<PathLook> Projector::path_look() const {
  return look_at_declared_paths(*this);
}

std::vector<std::string> Projector::event_types() const {
  std::vector<std::string> types(event_types_.begin(), event_types_.end());
  std::sort(types.begin(), types.end());
  return types;
}

std::string name_problem(std::string_view name) {
  const auto unfit = [](char c) { return c == ',' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
  if (name.empty()) return "is empty";
  if (name == "all") return "stands for every projection; choose another one";
  if (std::any_of(name.begin(), name.end(), unfit))
    return "holds a comma or a space, which --projection cannot tell apart";
  return "";
}

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
  const std::string& name = projector->name();
  if (const std::string problem = name_problem(name); !problem.empty())
    throw UsageError("The name \"" + name + "\" of a projector " + problem + ".");
  if (find(name) != nullptr) throw UsageError("There are two projections named \"" + name + "\"; rename one of them.");
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

#include "stages/apply/projector_binding.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/apply/column_checks.h"
#include "stages/apply/column_type.h"
#include "stages/apply/spelling.h"

namespace rebuild_projection {
namespace {

/// A projector together with the layout of its table.
class BoundProjector final : public Projector {
 public:
  BoundProjector(const Projector& projector, TableLayout layout)
      : Projector(projector.declaration(), std::move(layout)), projector_(projector) {}

  void handle(const Event& event, Changes& changes) const override { projector_.handle(event, changes); }
  [[nodiscard]] std::optional<std::string> clear() const override { return projector_.clear(); }
  [[nodiscard]] std::vector<std::string> paths_read(std::string_view event_type) const override {
    return projector_.paths_read(event_type);
  }
  [[nodiscard]] std::optional<std::size_t> stream_key_part() const override { return projector_.stream_key_part(); }

 private:
  const Projector& projector_;
};

/// The rest of what a JSON Pointer must be is found when the paths are compiled, one mistake at a time.
void check_paths(const Extraction& payload, const ColumnChecks::Say& say) {
  const auto check = [&](const std::string& path) {
    if (!path.empty() && path.front() != '/')
      say(0, "the path " + in_quotes(path) + " is not a JSON Pointer: it must be empty or begin with /");
  };
  for (const std::string& path : payload.paths) check(path);
  for (const auto& [pattern, paths] : payload.elements) {
    check(pattern);
    for (const std::string& path : paths) check(path);
  }
}

/// What is wrong with a declaration whatever its table is; in a file the reader finds it.
void check_declaration(const Projector::Declaration& declaration, const ColumnChecks::Say& say) {
  if (declaration.version < 1) say(0, "its version must be a whole number from 1 on");
  if (declaration.events.empty()) say(0, "it names no event types; \"*\" stands for all");
  if (declaration.key.empty()) say(0, "it names no key columns");
  check_paths(declaration.payload, say);
  std::set<std::string> seen(declaration.key.begin(), declaration.key.end());
  if (seen.size() != declaration.key.size()) say(0, "a key column is named twice");
  for (const auto& [column, operations] : declaration.columns) {
    if (!seen.insert(column).second) say(0, "the column " + in_quotes(column) + " is named twice, or is a key column");
    if (!operations.has(Operation::set) && !operations.has(Operation::init) && !operations.combining())
      say(0, "the column " + in_quotes(column) + " has no operation");
    std::vector<std::string> combining;
    for (const Operation one : {Operation::add, Operation::min, Operation::max, Operation::append})
      if (operations.has(one)) combining.emplace_back(name_of(one));
    if (combining.size() > 1)
      say(0, "the column " + in_quotes(column) + " stands under " + list_of(combining) + ", of which it can have one");
  }
}

}  // namespace

std::unique_ptr<Projector> bind_projector(const Projector& projector, const CatalogueTable& table,
                                          std::vector<std::string>& mistakes) {
  const Projector::Declaration& declaration = projector.declaration();
  bool bound = true;
  const ColumnChecks::Say say = [&](int, const std::string& sentence) {
    mistakes.push_back("projector " + projector.name() + ": " + sentence);
    bound = false;
  };
  check_declaration(declaration, say);
  const ColumnChecks checks(declaration.table, table, say);
  std::vector<KeyColumn> key;
  for (const std::string& column : declaration.key) key.push_back({column, 0});
  TableLayout layout = projector.table();
  layout.key = checks.bind_key(key, 0);
  for (Column& column : layout.columns) {
    const CatalogueColumn* found = checks.find(column.name, 0);
    if (found == nullptr) continue;
    column.type = column_type(*found);
    column.scale = scale_of(*found);
    column.without_zone = time_without_zone(*found);
    for (const Operation one : all_operations)
      if (column.operations.has(one)) checks.check_operation(*found, one, 0);
  }
  return bound ? std::make_unique<BoundProjector>(projector, std::move(layout)) : nullptr;
}

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/path_look.h"
#include "stages/apply/bound_rule.h"
#include "stages/apply/rules.h"

namespace rebuild_projection {

/// Of the rules of a projection file, which of their paths lead somewhere: those of `when` in any event of the rule's
/// types, the others in any of those for which `when` holds, too.
class PathsOfRules final : public PathLook {
 public:
  using RulesFor = std::function<const std::vector<std::size_t>&(std::string_view event_type)>;
  /// `rules` are those of `content`, in the file's order; `rules_for` says which of them are an event's. All outlive
  /// it.
  PathsOfRules(const ProjectionFile::Content& content, const std::vector<BoundRule>& rules, RulesFor rules_for);

  void look(const Event& event) override;
  [[nodiscard]] bool done() const override { return missing_ == 0; }
  [[nodiscard]] std::vector<std::string> never_found() const override;

 private:
  /// A place in the file where a path stands.
  struct Place {
    const BoundSource* source = nullptr;  ///< null: the pattern of for_each
    std::string_view written;
    int line = 1;
    std::uint64_t looks = 0;
    bool found = false;
  };
  struct OfRule {
    std::vector<Place> event_when, element_when, values, pattern;
    std::size_t missing = 0;
  };

  static void add(std::vector<Place>& places, const BoundSource& source);
  void look(const BoundRule& rule, OfRule& of, const Event& event);
  void look(OfRule& of, std::span<Place> places, const Event& event, const Element* element);
  void note(OfRule& of, Place& place, bool found);
  void say(std::vector<std::string>& sentences, std::span<const Place> places, const char* unit) const;

  const std::filesystem::path file_;
  const std::vector<BoundRule>& rules_;
  const RulesFor rules_for_;
  std::vector<OfRule> of_;
  std::size_t missing_ = 0;  ///< places whose path has not led anywhere yet
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/projector.h"
#include "stages/apply/bound_rule.h"
#include "stages/apply/rules.h"

namespace rebuild_projection {

/// The projector that a projection file describes. Everything is worked out when it is made; handle() only looks up and
/// copies.
class FileProjector final : public Projector {
 public:
  /// `layout` is what bind_to_table() made of `content` without a mistake.
  FileProjector(const std::shared_ptr<const ProjectionFile::Content>& content, TableLayout layout);

  void handle(const Event& event, Changes& changes) const override;
  [[nodiscard]] std::vector<std::string> paths_read(std::string_view event_type) const override;
  [[nodiscard]] std::unique_ptr<PathLook> path_look() const override;
  [[nodiscard]] std::optional<std::size_t> stream_key_part() const override;

 private:
  using RuleNumbers = std::vector<std::size_t>;
  struct Parts;  ///< what the members are made from

  FileProjector(std::shared_ptr<const ProjectionFile::Content> content, Parts parts);

  [[nodiscard]] const RuleNumbers& rules_for(std::string_view event_type) const;
  /// `key_space` holds at least as many parts as a key; what they are does not matter.
  void apply(std::size_t rule, EventValues& values, std::span<Json> key_space, Changes& changes) const;
  /// An event without a value for a part of the rule's key. Throws EventError.
  [[noreturn]] void refuse_key(std::size_t rule, std::size_t part, const Json& value, std::string_view type) const;

  std::shared_ptr<const ProjectionFile::Content> content_;
  std::vector<BoundRule> rules_;  ///< in the order of the file
  /// The rules of every type that a rule names, those of "*" among them, in the order of the file.
  std::map<std::string, RuleNumbers, std::less<>> rules_by_type_;
  /// The same, to be found fast: an open table of a power of two, at most half full.
  std::vector<const std::pair<const std::string, RuleNumbers>*> slots_;
  RuleNumbers rules_for_every_type_;
};

}  // namespace rebuild_projection

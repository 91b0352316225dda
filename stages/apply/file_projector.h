#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
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
  FileProjector(std::shared_ptr<const ProjectionFile::Content> content, TableLayout layout);

  [[nodiscard]] const std::string& name() const override { return content_->name; }
  [[nodiscard]] int version() const override { return content_->version; }
  [[nodiscard]] std::string definition() const override;
  [[nodiscard]] const TableLayout& table() const override { return layout_; }
  [[nodiscard]] const Extraction& extraction() const override { return extraction_; }
  [[nodiscard]] bool handles(std::string_view event_type) const override;
  [[nodiscard]] std::vector<std::string> event_types() const override;
  [[nodiscard]] std::optional<std::string> not_repeatable() const override;
  void handle(const Event& event, Changes& changes) const override;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using RuleNumbers = std::vector<std::size_t>;

  [[nodiscard]] const RuleNumbers& rules_for(std::string_view event_type) const;
  /// `key_space` holds at least key_columns_max parts; what it holds does not matter.
  static void apply(const BoundRule& rule, EventValues& values, std::span<Json> key_space, Changes& changes);

  std::shared_ptr<const ProjectionFile::Content> content_;
  TableLayout layout_;
  Extraction extraction_;
  std::vector<BoundRule> rules_;  ///< in the order of the file
  /// The rules of every type that a rule names, those of "*" among them, in the order of the file.
  std::unordered_map<std::string, RuleNumbers, TextHash, std::equal_to<>> rules_by_type_;
  RuleNumbers rules_for_every_type_;
};

}  // namespace rebuild_projection

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/decimal.h"
#include "pipeline/event.h"
#include "pipeline/table.h"
#include "pipeline/timestamp.h"
#include "stages/apply/rules.h"

/// Rules in the form in which they run: paths are indexes into an Extraction, columns into a TableLayout, constants are
/// ready. They refer to the texts of the ProjectionFile::Content they were made from, which must outlive them.
namespace rebuild_projection {

struct BoundSource {
  ValueSource::Kind kind = ValueSource::Kind::constant;
  Attribute attribute = Attribute::event_id;
  std::size_t index = 0;  ///< payload: in Extraction::paths; element: in Elements::paths; matched: which *
  Json constant;          ///< or the default of a path
  bool has_fallback = false;
  std::string_view written;
  int line = 1;
  ColumnType column = ColumnType::text;  ///< that the value goes to, or could go to
};

/// What one entry of `when` asks.
struct BoundCondition {
  struct Alternative {
    Json constant;
    std::optional<Decimal> number;    ///< of a number
    std::optional<Timestamp> moment;  ///< where "@ts" is compared
  };
  BoundSource source;
  std::optional<bool> exists;
  std::vector<Alternative> any_of;
};

struct BoundAssignment {
  Operation operation = Operation::set;
  std::size_t column = 0;
  BoundSource value;
};

struct BoundRule {
  Rule::Rows rows = Rule::Rows::upsert;
  std::optional<std::size_t> elements;       ///< of a for_each: its index in Extraction::elements
  std::vector<BoundCondition> event_when;    ///< what looks at the event alone
  std::vector<BoundCondition> element_when;  ///< what looks at an element of for_each
  std::vector<BoundSource> key;
  std::vector<BoundAssignment> assignments;
};

/// `extraction` gets what the rule reads and is not in it yet.
BoundRule bind_rule(const Rule& rule, const TableLayout& layout, Extraction& extraction);

/// The values of one event, and of one element of it, while its rules run. On the stack of one thread.
class EventValues {
 public:
  explicit EventValues(const Event& event) : event_(event) {}

  [[nodiscard]] const Event& event() const { return event_; }
  void enter(const Element& element) { element_ = &element; }

  /// Throws EventError where the value cannot be used at all. Valid as long as this and the event.
  Json get(const BoundSource& source);
  /// Whether every condition holds.
  bool hold(const std::vector<BoundCondition>& conditions);

 private:
  Json get_attribute(const BoundSource& source);
  bool holds(const BoundCondition& condition);

  const Event& event_;
  const Element* element_ = nullptr;
  std::optional<std::string> position_;  ///< made when a rule asks for it
};

}  // namespace rebuild_projection

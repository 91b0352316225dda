#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/decimal.h"
#include "pipeline/table.h"
#include "pipeline/timestamp.h"

/// Values on their way to columns: as something owned, and as something read.
namespace rebuild_projection {

/// SQL NULL.
struct Null {
  friend bool operator==(Null, Null) = default;
};

/// A list under `append`: a base and what was appended to it; a nullopt element is NULL. The base is the text of an
/// array. Without one, an operand of `combine` appends to the column's own value, and everywhere else to SQL NULL.
struct List {
  std::optional<std::string> base;
  std::vector<std::optional<std::string>> appended;
  std::size_t appended_bytes = 0;  ///< estimated memory of the elements' texts, so that nobody has to count them again

  /// nullopt appends NULL.
  void append(std::optional<std::string_view> element);
  friend bool operator==(const List&, const List&) = default;
};

/// A value of its own. Text is converted by the column's own input function.
using Value = std::variant<Null, std::string, Decimal, Timestamp, std::unique_ptr<List>>;
Value copy(const Value& value);
/// The same value, spelled the same: 1.0 and 1.00 are not.
bool equal(const Value& left, const Value& right);
/// Memory held besides the object itself, in bytes, estimated.
std::size_t heap_bytes(const Value& value);

/// What a block of `bytes` costs with what the allocator adds to it.
constexpr std::size_t allocated_bytes(std::size_t bytes) {
  constexpr std::size_t header = 8, grain = 16, least = 32;  // glibc's malloc on 64 bits
  const std::size_t block = (bytes + header + grain - 1) / grain * grain;
  return block < least ? least : block;
}

/// A value that somebody else owns and that must outlive this; small, and copied freely.
class ValueView {
 public:
  enum class Kind : std::uint8_t {
    null,
    text,
    number,    ///< a Decimal of 64 bits, by value
    moment,    ///< a Timestamp, by value
    decimal,   ///< any other Decimal
    list,      ///< a List
    digits,    ///< a Decimal, as the text it is made from
    base,      ///< the List of this base and nothing appended
    element,   ///< the List without a base to which this text is appended
    no_value,  ///< the List without a base to which NULL is appended
  };

  ValueView() = default;
  // NOLINTBEGIN(google-explicit-constructor): a view of
  ValueView(const Value& value);
  ValueView(Timestamp moment) : kind_(Kind::moment), held_{.number = moment.microseconds} {}
  ValueView(const Decimal& number);
  // NOLINTEND(google-explicit-constructor)
  /// One of the kinds that are a text.
  ValueView(Kind kind, std::string_view text) : kind_(kind), held_{.text = text.data()}, size_(text.size()) {}
  /// `coefficient` with `scale` digits after the point.
  static ValueView number(std::int64_t coefficient, int scale) { return {Kind::number, coefficient, scale}; }
  static ValueView no_value() { return {Kind::no_value, {}}; }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::null; }
  [[nodiscard]] bool is_text() const { return kind_ == Kind::text; }
  /// Of a kind that is a text.
  [[nodiscard]] std::string_view text() const { return {held_.text, size_}; }
  /// Of a number.
  [[nodiscard]] std::int64_t coefficient() const { return held_.number; }
  [[nodiscard]] int scale() const { return static_cast<int>(size_); }
  /// Of a moment.
  [[nodiscard]] Timestamp moment() const { return {held_.number}; }
  /// Of a number, a decimal or digits.
  [[nodiscard]] Decimal to_decimal() const;
  /// nullptr where it is none.
  [[nodiscard]] const List* list() const { return kind_ == Kind::list ? held_.list : nullptr; }

  /// The same as a value of its own.
  [[nodiscard]] Value owned() const;

 private:
  ValueView(Kind kind, std::int64_t number, int scale)
      : kind_(kind), held_{.number = number}, size_(static_cast<std::size_t>(scale)) {}

  Kind kind_ = Kind::null;
  union Held {
    std::int64_t number = 0;
    const char* text;
    const Decimal* decimal;
    const List* list;
  } held_;
  std::size_t size_ = 0;  ///< of a text; a number's scale
};

/// The text that the column's input function gets; must not be NULL or a list.
std::string to_text(const ValueView& value);

}  // namespace rebuild_projection

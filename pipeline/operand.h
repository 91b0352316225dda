#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/event.h"

namespace rebuild_projection {

/// What C++ calls integral and people call a number.
template <typename T>
concept WholeNumber = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

/// A value for a column or a part of a key, made from what a projector has at hand: a value of the payload, a text, a
/// whole number, a boolean, NULL. Refers to its text, so it is used in the call that it is made for. A fraction is
/// given as text ("0.10"): a double has no exact digits.
class Operand {
 public:
  // NOLINTBEGIN(google-explicit-constructor): what they are for
  Operand(const Json& json) : json_(json) {}
  Operand(std::string_view text) : json_{Json::Kind::string, text} {}
  Operand(const char* text) : Operand(std::string_view(text)) {}
  Operand(const std::string& text) : Operand(std::string_view(text)) {}
  Operand(std::nullopt_t) : json_{Json::Kind::null, {}} {}
  Operand(std::same_as<bool> auto boolean) : json_{Json::Kind::boolean, boolean ? "true" : "false"} {}
  Operand(WholeNumber auto number) : json_{Json::Kind::number, {}} {
    digits_size_ = static_cast<std::size_t>(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr -
                                            digits_.data());
  }
  Operand(std::floating_point auto) = delete;
  Operand(std::nullptr_t) = delete;  // NULL is std::nullopt
  // NOLINTEND(google-explicit-constructor)

  /// Valid as long as this.
  [[nodiscard]] Json json() const {
    return digits_size_ == 0 ? json_ : Json{Json::Kind::number, {digits_.data(), digits_size_}};
  }

 private:
  Json json_;
  std::array<char, 24> digits_{};  // of any 64-bit number
  std::size_t digits_size_ = 0;
};

}  // namespace rebuild_projection

#include "pipeline/value.h"

#include <stdexcept>
#include <type_traits>

namespace rebuild_projection {
namespace {

const std::size_t inline_text_size = std::string().capacity();  // shorter ones live inside the string object

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() <= inline_text_size ? 0 : allocated_bytes(text.capacity() + 1);
}

}  // namespace

void List::append(std::optional<std::string_view> element) {
  if (element) {
    appended_bytes += heap_bytes(appended.emplace_back(std::string(*element)).value());
  } else {
    appended.emplace_back(std::nullopt);
  }
}

Value copy(const Value& value) {
  return std::visit(
      [](const auto& held) -> Value {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::unique_ptr<List>>) {
          return std::make_unique<List>(*held);
        } else {
          return held;
        }
      },
      value);
}

bool equal(const Value& left, const Value& right) {
  if (left.index() != right.index()) return false;
  if (const auto* list = std::get_if<std::unique_ptr<List>>(&left))
    return **list == *std::get<std::unique_ptr<List>>(right);
  if (const auto* number = std::get_if<Decimal>(&left))
    return number->scale() == std::get<Decimal>(right).scale() && *number == std::get<Decimal>(right);
  return left == right;
}

std::size_t heap_bytes(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return heap_bytes(*text);
  if (const auto* number = std::get_if<Decimal>(&value)) return number->heap_bytes();
  const auto* held = std::get_if<std::unique_ptr<List>>(&value);
  if (held == nullptr) return 0;
  const List& list = **held;
  return allocated_bytes(sizeof(List)) + (list.base ? heap_bytes(*list.base) : 0) +
         (list.appended.capacity() == 0
              ? 0
              : allocated_bytes(list.appended.capacity() * sizeof(std::optional<std::string>))) +
         list.appended_bytes;
}

ValueView::ValueView(const Decimal& number) {
  if (const auto coefficient = number.small_coefficient()) {
    *this = ValueView::number(*coefficient, number.scale());
  } else {
    kind_ = Kind::decimal;
    held_.decimal = &number;
  }
}

ValueView::ValueView(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    *this = {Kind::text, *text};
  } else if (const auto* number = std::get_if<Decimal>(&value)) {
    *this = *number;
  } else if (const auto* moment = std::get_if<Timestamp>(&value)) {
    *this = *moment;
  } else if (const auto* list = std::get_if<std::unique_ptr<List>>(&value)) {
    kind_ = Kind::list;
    held_.list = list->get();
  }
}

Decimal ValueView::to_decimal() const {
  switch (kind_) {
    case Kind::number:
      return Decimal::of(held_.number, scale());
    case Kind::decimal:
      return *held_.decimal;
    case Kind::digits:
      return Decimal::parse(text()).value();
    default:
      throw std::logic_error("a value that is no number");
  }
}

Value ValueView::owned() const {
  switch (kind_) {
    case Kind::null:
      return Null{};
    case Kind::text:
      return std::string(text());
    case Kind::number:
    case Kind::decimal:
    case Kind::digits:
      return to_decimal();
    case Kind::moment:
      return moment();
    case Kind::list:
      return std::make_unique<List>(*held_.list);
    case Kind::base:
    case Kind::element:
    case Kind::no_value:
      break;
  }
  auto list = std::make_unique<List>();
  if (kind_ == Kind::base)
    list->base = text();
  else
    list->append(kind_ == Kind::element ? std::optional(text()) : std::nullopt);
  return list;
}

std::string to_text(const ValueView& value) {
  switch (value.kind()) {
    case ValueView::Kind::text:
      return std::string(value.text());
    case ValueView::Kind::number:
    case ValueView::Kind::decimal:
    case ValueView::Kind::digits:
      return value.to_decimal().to_text();
    case ValueView::Kind::moment:
      return value.moment().to_text();
    default:
      throw std::logic_error("NULL and lists have no text");
  }
}

}  // namespace rebuild_projection

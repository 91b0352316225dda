#include "pipeline/change_codec.h"

#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

namespace rebuild_projection {

namespace {

enum Flag : unsigned char { removes = 1, creates = 2, same = 4 };
enum class Form : unsigned char { null, text, number, moment, decimal, list };

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
void put_number(std::string& bytes, std::uint64_t number) {
  for (; number > 0x7F; number >>= 7U) bytes += static_cast<char>(number | 0x80U);
  bytes += static_cast<char>(number);
}

void put_signed(std::string& bytes, std::int64_t number) {
  const auto sign = static_cast<std::uint64_t>(number >> 63);
  put_number(bytes, static_cast<std::uint64_t>(number) << 1U ^ sign);
}

void put_text(std::string& bytes, std::string_view text) {
  put_number(bytes, text.size());
  bytes += text;
}

void put_form(std::string& bytes, Form form) {
  bytes += static_cast<char>(form);
}

/// One more than the size; 0 is "none".
void put_optional(std::string& bytes, const std::optional<std::string>& text) {
  put_number(bytes, text ? text->size() + 1 : 0);
  if (text) bytes += *text;
}

void put_list(std::string& bytes, const List& list) {
  put_form(bytes, Form::list);
  put_optional(bytes, list.base);
  put_number(bytes, list.appended.size());
  for (const auto& element : list.appended) put_optional(bytes, element);
}

void put_value(std::string& bytes, const ValueView& value) {
  switch (value.kind()) {
    case ValueView::Kind::null:
      return put_form(bytes, Form::null);
    case ValueView::Kind::text:
      put_form(bytes, Form::text);
      return put_text(bytes, value.text());
    case ValueView::Kind::number:
      put_form(bytes, Form::number);
      put_signed(bytes, value.coefficient());
      return put_number(bytes, static_cast<std::uint64_t>(value.scale()));
    case ValueView::Kind::moment:
      put_form(bytes, Form::moment);
      return put_signed(bytes, value.moment().microseconds);
    case ValueView::Kind::decimal:
      put_form(bytes, Form::decimal);
      return put_text(bytes, value.to_decimal().to_text());
    case ValueView::Kind::list:
      return put_list(bytes, *value.list());
    default:
      throw std::logic_error("an operand that no row keeps");
  }
}

void put_columns(std::string& bytes, const ColumnChanges& columns) {
  put_number(bytes, columns.size());
  for (const ColumnChange change : columns) {
    put_number(bytes, change.column);
    bytes += static_cast<char>(change.action);
    put_value(bytes, change.value);
    if (change.action == ColumnChange::Action::combine) put_value(bytes, change.if_null);
  }
}

/// The other way round.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t result = 0;
    for (unsigned shift = 0;; shift += 7) {
      const unsigned char next = byte();
      result |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
      if (next < 0x80) return result;
    }
  }
  unsigned char byte() {
    const auto next = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return next;
  }
  std::string_view text(std::size_t size) {
    const std::string_view result = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return result;
  }
  std::string_view text() { return text(number()); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  void columns(const TableLayout& table, ColumnChanges& columns) {
    const std::size_t count = number();
    // At least as many bytes as the texts among them.
    if (count > 0) columns.reserve(count, rest_.size());
    for (std::size_t index = 0; index < count; ++index) {
      ColumnChange change;
      change.column = static_cast<std::uint16_t>(number());
      change.action = static_cast<ColumnChange::Action>(byte());
      Value held, held_if_null;
      change.value = value(held);
      if (change.action == ColumnChange::Action::combine) change.if_null = value(held_if_null);
      columns.compose(table, change);
    }
  }

 private:
  std::int64_t signed_number() {
    const std::uint64_t bits = number();
    return static_cast<std::int64_t>(bits >> 1U ^ (~(bits & 1U) + 1));
  }
  std::optional<std::string> optional() {
    const std::size_t size = number();
    return size == 0 ? std::nullopt : std::optional(std::string(text(size - 1)));
  }
  /// Refers to the bytes, or to `held`.
  ValueView value(Value& held) {
    switch (static_cast<Form>(byte())) {
      case Form::null:
        return {};
      case Form::text:
        return {ValueView::Kind::text, text()};
      case Form::number: {
        const std::int64_t coefficient = signed_number();
        return ValueView::number(coefficient, static_cast<int>(number()));
      }
      case Form::moment:
        return Timestamp{signed_number()};
      case Form::decimal:
        held = Decimal::parse(text()).value();
        return held;
      case Form::list:
        break;
    }
    auto list = std::make_unique<List>();
    list->base = optional();
    const std::size_t count = number();
    for (std::size_t index = 0; index < count; ++index) list->append(optional());
    held = std::move(list);
    return held;
  }

  std::string_view rest_;
};

}  // namespace

void append_record(std::string& bytes, std::string_view key, std::string_view spelling, const RowChange& change) {
  const std::size_t begin = bytes.size();
  bytes.append(record_head_bytes, '\0');
  put_text(bytes, key);
  put_text(bytes, spelling);
  bytes +=
      static_cast<char>((change.removes ? removes : 0) | (change.creates ? creates : 0) | (change.same ? same : 0));
  put_columns(bytes, change.present);
  if (!change.same) put_columns(bytes, change.absent);
  const std::size_t size = bytes.size() - begin - record_head_bytes;
  if (size > std::numeric_limits<std::uint32_t>::max())
    throw std::length_error("the values of one row take more than 4 GiB");
  const auto head = static_cast<std::uint32_t>(size);
  std::memcpy(bytes.data() + begin, &head, sizeof(head));
}

std::size_t record_bytes(const char* head) {
  std::uint32_t size = 0;
  std::memcpy(&size, head, sizeof(size));
  return size;
}

RowRecord read_record(std::string_view record) {
  Reader reader(record);
  RowRecord result;
  result.key = reader.text();
  result.spelling = reader.text();
  result.change = reader.rest();
  return result;
}

RowChange read_change(const TableLayout& table, std::string_view change) {
  Reader reader(change);
  const unsigned char flags = reader.byte();
  RowChange result;
  result.removes = (flags & removes) != 0;
  result.creates = (flags & creates) != 0;
  result.same = (flags & same) != 0;
  reader.columns(table, result.present);
  if (!result.same) reader.columns(table, result.absent);
  return result;
}

}  // namespace rebuild_projection

#include "pipeline/stored_value.h"

#include <charconv>

#include "pipeline/byte_order.h"
#include "pipeline/timestamp.h"
#include "pipeline/uuid.h"

namespace rebuild_projection {

namespace {

static_assert(std::tuple_size_v<StoredValue::Room> >= Timestamp::text_bytes_max);

template <typename Signed, typename Unsigned>
std::string_view print_integer(const char* bytes, StoredValue::Room& room) {
  const auto number = static_cast<Signed>(load_big_endian<Unsigned>(bytes));
  const char* const end = std::to_chars(room.data(), room.data() + room.size(), number).ptr;
  return {room.data(), static_cast<std::size_t>(end - room.data())};
}

}  // namespace

std::string_view StoredValue::text(Room& room) const {
  switch (form_) {
    case Form::null:
      break;
    case Form::text:
      return bytes();
    case Form::uuid:
      print_uuid(bytes_, room.data());
      return {room.data(), printed_uuid_size};
    case Form::timestamp:
    case Form::timestamptz:
      return {room.data(), Timestamp::of_bytes(bytes()).print(room.data(), form_ == Form::timestamptz)};
    case Form::int2:
      return print_integer<std::int16_t, std::uint16_t>(bytes_, room);
    case Form::int4:
      return print_integer<std::int32_t, std::uint32_t>(bytes_, room);
    case Form::int8:
      return print_integer<std::int64_t, std::uint64_t>(bytes_, room);
    case Form::jsonb:
      return bytes().substr(1);  // behind the version of the format, of which there is one
  }
  return {};
}

std::string StoredValue::text() const {
  Room room;
  return std::string(text(room));
}

std::optional<std::string> StoredValue::optional_text() const {
  return is_null() ? std::nullopt : std::optional(text());
}

}  // namespace rebuild_projection

#include "stages/read/page_builder.h"

#include <algorithm>
#include <cstring>

#include "stages/postgres/copy_out.h"

namespace rebuild_projection {

namespace {

/// What simdjson may read after the last text (SIMDJSON_PADDING is 64 at most in the versions in use).
constexpr std::size_t padding_bytes = 64;

}  // namespace

PageBuilder::PageBuilder(const EventStore& store, const PayloadSelection& selection, std::size_t bytes)
    : store_(store),
      selection_(selection),
      buffer_(std::make_unique_for_overwrite<char[]>(bytes + padding_bytes)),
      capacity_(bytes) {}

char* PageBuilder::room(std::size_t bytes) {
  if (used_ + bytes > capacity_) {
    capacity_ = std::max(2 * capacity_, used_ + bytes);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_ + padding_bytes);
    std::memcpy(larger.get(), buffer_.get(), used_);
    buffer_ = std::move(larger);
  }
  return buffer_.get() + used_;
}

PageBuilder::Cell PageBuilder::text(WireType type, std::string_view value) {
  const std::size_t size = texts_.write(type, value, room(WireText::size_max(value.size())));
  const Cell cell{static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(size)};
  used_ += size;
  return cell;
}

void PageBuilder::append(std::string_view text) {
  std::memcpy(room(text.size()), text.data(), text.size());
  used_ += text.size();
}

void PageBuilder::add(std::string_view row) {
  CopyRow fields(row);
  const std::size_t first = cells_.size();
  for (const WireType type : store_.wire_types()) {
    const auto value = fields.field();
    cells_.push_back(value ? text(type, *value) : Cell{});
  }
  const auto whole = fields.field();
  const Cell type = cells_[first + store_.columns().type];
  payloads_.push_back(payload(type.size == Cell::null ? std::string_view() : view(type), whole, fields));
}

PageBuilder::Cell PageBuilder::payload(std::string_view type, std::optional<std::string_view> whole, CopyRow& members) {
  if (whole) return text(store_.payload() == EventStore::Payload::jsonb ? WireType::jsonb : WireType::text, *whole);
  const auto& prefixes = selection_.members(type);  // before the buffer, where the type stands, may move
  const std::size_t begin = used_;
  append("{");
  for (std::size_t column = 0; column < prefixes.size(); ++column) {
    const auto value = members.field();
    if (!value) continue;  // missing; JSON null is a value
    if (used_ > begin + 1) append(",");
    append(prefixes[column]);
    text(WireType::jsonb, *value);
  }
  append("}");
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(used_ - begin)};
}

Position PageBuilder::last_position() const {
  const std::size_t first = cells_.size() - store_.wire_types().size();
  Position position;
  for (const std::size_t column : store_.columns().order) position.emplace_back(view(cells_[first + column]));
  return position;
}

Page PageBuilder::take() {
  const EventStore::Columns& columns = store_.columns();
  const std::size_t width = store_.wire_types().size();
  Page page;
  std::memset(buffer_.get() + used_, 0, padding_bytes);
  page.events.reserve(events());
  page.positions.resize(events() * columns.order.size());
  for (std::size_t event = 0; event < events(); ++event) {
    const Cell* row = cells_.data() + event * width;
    const auto optional = [&](const std::optional<std::size_t>& column) -> std::optional<std::string_view> {
      if (!column || row[*column].size == Cell::null) return std::nullopt;
      return view(row[*column]);
    };
    const auto text = [&](std::size_t column) { return optional(column).value_or(std::string_view()); };
    std::string_view* position = page.positions.data() + event * columns.order.size();
    for (std::size_t column = 0; column < columns.order.size(); ++column)
      position[column] = text(columns.order[column]);
    page.events.push_back({.event_id = text(columns.event_id),
                           .ts = optional(columns.ts),
                           .type = text(columns.type),
                           .stream_id = optional(columns.stream_id),
                           .payload = view(payloads_[event]),
                           .metadata = optional(columns.metadata),
                           .position = {position, columns.order.size()}});
  }
  page.buffer_bytes = used_ + padding_bytes;
  page.buffer = std::move(buffer_);
  return page;
}

}  // namespace rebuild_projection

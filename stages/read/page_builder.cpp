#include "stages/read/page_builder.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "stages/postgres/copy_out.h"

namespace rebuild_projection {

namespace {

/// "{}" with what a TextArena promises behind it.
constexpr std::array<char, 2 + 64> empty_document{'{', '}'};

}  // namespace

PageBuilder::PageBuilder(const EventStore& store, const PayloadSelection& selection, std::size_t events,
                         std::size_t bytes)
    : store_(store),
      selection_(selection),
      bytes_besides_(sizeof(StoredEvent) + store.columns().order.size() * sizeof(StoredValue)),
      columns_(store.wire_forms().size()) {
  page_.texts = TextArena(bytes - std::min(bytes, events * bytes_besides_));
  page_.events.reserve(events);
  page_.positions.reserve(events * store.columns().order.size());
}

void PageBuilder::add(std::string_view row) {
  const EventStore::Columns& places = store_.columns();
  const std::vector<StoredValue::Form>& forms = store_.wire_forms();
  CopyRow fields(row);
  std::uint32_t type = 0;
  for (std::size_t column = 0; column < forms.size(); ++column) {
    const auto value = fields.field();
    if (column == places.type) {
      StoredValue::Room room;
      type = type_number(value ? StoredValue(forms[column], *value).text(room) : std::string_view());
      columns_[column] = page_.types[type];
    } else {
      columns_[column] = value ? StoredValue(forms[column], page_.texts.copy(*value)) : StoredValue();
    }
  }
  const auto optional = [this](const std::optional<std::size_t>& place) {
    return place ? columns_[*place] : StoredValue();
  };
  page_.events.push_back({.event_id = event_id(),
                          .ts = optional(places.ts),
                          .type = page_.types[type],
                          .stream_id = optional(places.stream_id),
                          .payload = payload(of_types_[type], fields, row.size()),
                          .metadata = optional(places.metadata),
                          .position = {},
                          .type_number = type});
  add_position();
}

StoredValue PageBuilder::event_id() {
  const EventStore::Columns& places = store_.columns();
  if (places.event_id && !columns_[*places.event_id].is_null()) return columns_[*places.event_id];
  Position position;
  for (const std::size_t column : places.order) position.push_back(columns_[column].text());
  return page_.texts.copy(to_string(position));
}

std::uint32_t PageBuilder::type_number(std::string_view type) {
  std::uint32_t number = page_.types.find(type);
  if (number != PageTypes::unknown) return number;
  number = page_.types.add(page_.texts.copy(type));
  OfType& of_type = of_types_.emplace_back();
  of_type.prefixes = &selection_.members(type);
  of_type.bytes_max = 2 * empty_document.size();
  for (const std::string& prefix : *of_type.prefixes) of_type.bytes_max += prefix.size() + 1;
  return number;
}

std::string_view PageBuilder::payload(const OfType& of_type, CopyRow& fields, std::size_t bytes_max) {
  using Form = StoredValue::Form;
  StoredValue::Room room;
  if (const auto whole = selection_.sends_documents() ? fields.field() : std::nullopt) {
    const Form form = store_.payload() == EventStore::Payload::jsonb ? Form::jsonb : Form::text;
    return page_.texts.copy(StoredValue(form, *whole).text(room));
  }
  const auto members = selection_.sends_members() ? fields.field() : std::nullopt;
  if (!members) return {empty_document.data(), 2};
  CopyRow elements = CopyRow::of_array(*members);
  char* const begin = page_.texts.room(of_type.bytes_max + bytes_max);
  char* to = begin;
  const auto append = [&to](std::string_view part) {
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  };
  for (const std::string& prefix : *of_type.prefixes) {
    const auto value = elements.field();
    if (!value) continue;  // missing; JSON null is a value
    append(to == begin ? "{" : ",");
    append(prefix);
    append(StoredValue(Form::jsonb, *value).text(room));
  }
  if (to == begin) return {empty_document.data(), 2};
  append("}");
  return page_.texts.keep(static_cast<std::size_t>(to - begin));
}

void PageBuilder::add_position() {
  const std::vector<std::size_t>& order = store_.columns().order;
  const bool moves = page_.positions.size() + order.size() > page_.positions.capacity();
  for (const std::size_t column : order) page_.positions.push_back(columns_[column]);
  for (std::size_t event = moves ? 0 : page_.events.size() - 1; event < page_.events.size(); ++event)
    page_.events[event].position = {page_.positions.data() + event * order.size(), order.size()};
}

}  // namespace rebuild_projection

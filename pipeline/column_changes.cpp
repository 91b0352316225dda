#include "pipeline/column_changes.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>

namespace rebuild_projection {

/// What does not fit an entry: a list, a number of more than 64 bits, a result of its own where the column is NULL.
struct ColumnChanges::Wide {
  Value value;
  std::optional<Value> if_null;

  [[nodiscard]] std::size_t bytes() const {
    return allocated_bytes(sizeof(Wide)) + rebuild_projection::heap_bytes(value) +
           (if_null ? rebuild_projection::heap_bytes(*if_null) : 0);
  }
};

struct ColumnChanges::Entry {
  enum class Kind : std::uint8_t { null, text, number, moment, wide };
  struct Text {
    std::uint32_t offset;  // from the block's beginning
    std::uint32_t room;
  };
  std::uint16_t column = 0;
  ColumnChange::Action action = ColumnChange::Action::replace;
  Kind kind = Kind::null;
  std::uint32_t size = 0;  // of a text; a number's scale
  union {
    std::int64_t number = 0;
    Text text;
    Wide* wide;
  };
};

/// Entries follow; then what is free; then the texts, up to the block's end.
struct ColumnChanges::Block {
  std::uint32_t bytes;  // of the whole block
  std::uint32_t texts;  // where they begin
  std::uint32_t count = 0;
  std::uint32_t wide_grains = 0;  // memory of wide values, in units of grain_bytes

  static constexpr std::size_t grain_bytes = 16;

  explicit Block(std::uint32_t size) : bytes(size), texts(size) {}
  [[nodiscard]] Entry* entries() { return reinterpret_cast<Entry*>(this + 1); }
  [[nodiscard]] char* at(std::size_t offset) { return reinterpret_cast<char*>(this) + offset; }
  [[nodiscard]] std::size_t free() const { return texts - sizeof(Block) - count * sizeof(Entry); }
  void add_wide(std::size_t size) { wide_grains += static_cast<std::uint32_t>((size + grain_bytes - 1) / grain_bytes); }
  void sub_wide(std::size_t size) { wide_grains -= static_cast<std::uint32_t>((size + grain_bytes - 1) / grain_bytes); }
};

namespace {

using Action = ColumnChange::Action;

constexpr std::uint32_t room_for(std::size_t size) {
  return static_cast<std::uint32_t>((size + 3) / 4 * 4);
}

/// Rooms far larger than their text are given back; small ones are kept, so that texts of differing lengths reuse them.
bool wasteful(std::size_t room, std::size_t size) {
  constexpr std::size_t kept_bytes = 256;
  return room > kept_bytes && room / 4 > size;
}

Operation combining_operation(const TableLayout& table, std::size_t column) {
  const std::optional<Operation> operation = table.columns[column].operations.combining();
  if (!operation) throw std::logic_error("a combining change of a column that has no combining operation");
  return *operation;
}

template <class Comparable>
void keep(Operation combining, Comparable& value, const Comparable& operand) {
  // Neither replaces an equal one: ties keep the earlier value.
  if (combining == Operation::min ? operand < value : value < operand) value = operand;
}

void append(List& list, const ValueView& operand) {
  if (const List* other = operand.list()) {
    list.appended.insert(list.appended.end(), other->appended.begin(), other->appended.end());
    list.appended_bytes += other->appended_bytes;
  } else {
    list.append(operand.kind() == ValueView::Kind::element ? std::optional(operand.text()) : std::nullopt);
  }
}

/// `value` becomes "value, then `operand`" under the column's combining operation. Neither is NULL.
void combine_values(Operation combining, Value& value, const ValueView& operand) {
  if (auto* number = std::get_if<Decimal>(&value)) {
    if (combining == Operation::add) {
      *number += operand.to_decimal();
    } else {
      keep(combining, *number, operand.to_decimal());
    }
  } else if (auto* moment = std::get_if<Timestamp>(&value)) {
    keep(combining, *moment, operand.moment());
  } else {
    append(*std::get<std::unique_ptr<List>>(value), operand);
  }
}

}  // namespace

std::size_t ColumnChanges::size() const {
  return block_ == nullptr ? 0 : block_->count;
}

ColumnChange ColumnChanges::operator[](std::size_t index) const {
  const Entry& entry = block_->entries()[index];
  ColumnChange change{entry.column, entry.action, {}, {}};
  switch (entry.kind) {
    case Entry::Kind::null:
      break;
    case Entry::Kind::text:
      change.value = {ValueView::Kind::text, {block_->at(entry.text.offset), entry.size}};
      break;
    case Entry::Kind::number:
      change.value = ValueView::number(entry.number, static_cast<int>(entry.size));
      break;
    case Entry::Kind::moment:
      change.value = Timestamp{entry.number};
      break;
    case Entry::Kind::wide:
      change.value = entry.wide->value;
      if (entry.wide->if_null) change.if_null = *entry.wide->if_null;
      break;
  }
  return change;
}

std::size_t ColumnChanges::heap_bytes() const {
  return block_ == nullptr ? 0 : allocated_bytes(block_->bytes) + block_->wide_grains * Block::grain_bytes;
}

ColumnChanges ColumnChanges::clone() const {
  ColumnChanges result;
  if (block_ == nullptr) return result;
  result.make_room(block_->bytes - sizeof(Block) - block_->free());
  for (std::size_t index = 0; index < size(); ++index) result.insert(index, (*this)[index]);
  return result;
}

void ColumnChanges::clear() {
  if (block_ == nullptr) return;
  if (block_->wide_grains != 0)
    for (std::size_t index = 0; index < block_->count; ++index) drop(block_->entries()[index]);
  ::operator delete(block_);
  block_ = nullptr;
}

void ColumnChanges::drop(Entry& entry) {
  if (entry.kind == Entry::Kind::wide) {
    block_->sub_wide(entry.wide->bytes());
    delete entry.wide;
  }
  entry.kind = Entry::Kind::null;
}

void ColumnChanges::reserve(std::size_t columns, std::size_t text_bytes) {
  make_room(columns * sizeof(Entry) + text_bytes);
}

/// At least `bytes` free. A first block is as large as that; one that grows gets an eighth more than it needs.
void ColumnChanges::make_room(std::size_t bytes) {
  if (block_ == nullptr || block_->free() < bytes) move_to_block(bytes);
}

void ColumnChanges::move_to_block(std::size_t bytes) {
  std::size_t needed = sizeof(Block) + bytes;
  const std::size_t count = size();
  for (std::size_t index = 0; index < count; ++index) {
    Entry& entry = block_->entries()[index];
    if (entry.kind == Entry::Kind::text && wasteful(entry.text.room, entry.size))
      entry.text.room = room_for(entry.size);
    needed += sizeof(Entry) + (entry.kind == Entry::Kind::text ? entry.text.room : 0);
  }
  if (block_ != nullptr) needed += needed / 8;
  constexpr std::size_t grain = 16;  // of the allocator, whose header takes 8 bytes
  const std::size_t size = (needed + 8 + grain - 1) / grain * grain - 8;
  if (size > std::numeric_limits<std::uint32_t>::max())
    throw std::length_error("the values of one row take more than 4 GiB");
  auto* grown = new (::operator new(size)) Block(static_cast<std::uint32_t>(size));
  for (std::size_t index = 0; index < count; ++index) {
    Entry entry = block_->entries()[index];
    if (entry.kind == Entry::Kind::text) {
      grown->texts -= entry.text.room;
      std::memcpy(grown->at(grown->texts), block_->at(entry.text.offset), entry.size);
      entry.text.offset = grown->texts;
    }
    new (grown->entries() + index) Entry(entry);
  }
  if (block_ != nullptr) {
    grown->count = block_->count;
    grown->wide_grains = block_->wide_grains;
    ::operator delete(block_);
  }
  block_ = grown;
}

void ColumnChanges::insert(std::size_t index, const ColumnChange& later) {
  make_room(sizeof(Entry) + (later.value.is_text() ? room_for(later.value.text().size()) : 0));
  Entry* entries = block_->entries();
  std::memmove(static_cast<void*>(entries + index + 1), static_cast<const void*>(entries + index),
               (block_->count - index) * sizeof(Entry));
  new (entries + index) Entry;
  ++block_->count;
  entries[index].column = later.column;
  entries[index].action = later.action;
  if (later.if_null.is_null())
    assign(index, later.value);
  else
    set_wide(index, {later.value.owned(), later.if_null.owned()});
}

void ColumnChanges::set_text(std::size_t index, std::string_view text) {
  Entry* entry = block_->entries() + index;
  if (entry->kind != Entry::Kind::text || entry->text.room < text.size() || wasteful(entry->text.room, text.size())) {
    const bool gives_back = entry->kind == Entry::Kind::text && wasteful(entry->text.room, text.size());
    drop(*entry);
    const std::uint32_t room = room_for(text.size());
    if (gives_back)
      move_to_block(room);
    else
      make_room(room);
    entry = block_->entries() + index;
    block_->texts -= room;
    entry->kind = Entry::Kind::text;
    entry->text = {block_->texts, room};
  }
  std::memcpy(block_->at(entry->text.offset), text.data(), text.size());
  entry->size = static_cast<std::uint32_t>(text.size());
}

void ColumnChanges::set_wide(std::size_t index, Wide&& wide) {
  auto held = std::make_unique<Wide>(std::move(wide));
  Entry& entry = block_->entries()[index];
  drop(entry);
  block_->add_wide(held->bytes());
  entry.kind = Entry::Kind::wide;
  entry.wide = held.release();
}

/// The value, and the same one where the column is NULL.
void ColumnChanges::assign(std::size_t index, const ValueView& value) {
  Entry& entry = block_->entries()[index];
  switch (value.kind()) {
    case ValueView::Kind::null:
      return drop(entry);
    case ValueView::Kind::text:
      return set_text(index, value.text());
    case ValueView::Kind::number:
      drop(entry);
      entry.kind = Entry::Kind::number;
      entry.number = value.coefficient();
      entry.size = static_cast<std::uint32_t>(value.scale());
      return;
    case ValueView::Kind::moment:
      drop(entry);
      entry.kind = Entry::Kind::moment;
      entry.number = value.moment().microseconds;
      return;
    default:
      return set_wide(index, {value.owned(), std::nullopt});
  }
}

void ColumnChanges::compose(const TableLayout& table, const ColumnChange& later) {
  const std::size_t count = size();
  std::size_t index = 0;
  if (count != 0) {
    const Entry* entries = block_->entries();
    while (index < count && entries[index].column < later.column) ++index;
  }
  if (index == count || block_->entries()[index].column != later.column) return insert(index, later);
  Entry& entry = block_->entries()[index];
  switch (later.action) {
    case Action::replace:
      entry.action = Action::replace;
      return assign(index, later.value);
    case Action::init:
      // Every other change leaves a value behind that is not NULL.
      if (entry.action == Action::replace && entry.kind == Entry::Kind::null) assign(index, later.value);
      return;
    case Action::combine:
      return combine(table, index, later);
  }
}

void ColumnChanges::compose(const TableLayout& table, const ColumnChanges& later) {
  for (const ColumnChange& change : later) compose(table, change);
}

void ColumnChanges::combine(const TableLayout& table, std::size_t index, const ColumnChange& later) {
  const Operation combining = combining_operation(table, later.column);
  Entry& entry = block_->entries()[index];
  if (entry.action == Action::replace && entry.kind == Entry::Kind::null) return assign(index, later.when_null());
  if (combining == Operation::add && entry.action != Action::init && entry.kind == Entry::Kind::number &&
      later.value.kind() == ValueView::Kind::number && static_cast<int>(entry.size) == later.value.scale()) {
    std::int64_t sum = 0;  // the common case, without a Decimal
    if (!__builtin_add_overflow(entry.number, later.value.coefficient(), &sum)) {
      entry.number = sum;
      return;
    }
  }

  Wide narrow;
  const bool was_wide = entry.kind == Entry::Kind::wide;
  if (!was_wide) narrow.value = (*this)[index].value.owned();
  Wide& first = was_wide ? *entry.wide : narrow;
  const std::size_t bytes_before = was_wide ? first.bytes() : 0;
  if (entry.action == Action::init) {
    entry.action = Action::combine;
    first.if_null = std::move(first.value);
    combine_values(combining, *first.if_null, later.value);
    first.value = later.value.owned();
  } else {
    // What the column has become is not NULL, whatever it was: later.if_null has no part in it.
    combine_values(combining, first.value, later.value);
    if (first.if_null) combine_values(combining, *first.if_null, later.value);
  }
  if (first.if_null && equal(*first.if_null, first.value)) first.if_null.reset();
  if (was_wide) {
    block_->sub_wide(bytes_before);
    block_->add_wide(first.bytes());
  }
  const ValueView value = first.value;
  if (!first.if_null && (value.kind() == ValueView::Kind::number || value.kind() == ValueView::Kind::moment))
    assign(index, value);
  else if (!was_wide)
    set_wide(index, std::move(narrow));
}

}  // namespace rebuild_projection

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/stored_value.h"
#include "pipeline/table.h"
#include "pipeline/timestamp.h"

namespace rebuild_projection {

/// The value of a store's order columns, as the database prints them. Compared by the database only.
using Position = std::vector<std::string>;

/// "2025-02-01 00:00:00+00, 550e8400-…": the columns joined by ", ".
std::string to_string(const Position& position);

/// An event that was left out for one projection.
struct DeadLetter {
  std::string event_id;
  Position position;
  std::string error;
};

/// A value inside a payload. `text` is what PostgreSQL's `payload #>> path` gives: strings without quotes and escapes,
/// numbers by their own digits, objects and arrays as their JSON text. Lives as long as the page it came from.
struct Json {
  enum class Kind : std::uint8_t {
    missing,  ///< the path leads nowhere
    null,     ///< JSON null
    boolean,
    number,
    string,
    object,
    array,
    invalid,  ///< cannot be read (a lone surrogate, \u0000): `text` says why; an error of the event that uses it
    uuid,     ///< of the store, for a column of uuids: `text` is its 16 bytes
    moment,   ///< of the store, for a column of timestamps: `text` is its 8 bytes, as PostgreSQL sends them
  };
  Kind kind = Kind::missing;
  std::string_view text;
};

/// The moment that a value is: as the store sent it, or by its text (Timestamp::parse). nullopt where it is none.
std::optional<Timestamp> moment_of(const Json& json);

/// One row of the event store. All views live as long as the page.
struct StoredEvent {
  StoredValue event_id;
  StoredValue ts;
  std::string_view type;
  StoredValue stream_id;
  std::string_view payload;  ///< JSON text; SQL NULL is "{}"
  StoredValue metadata;
  std::span<const StoredValue> position;  ///< one per order column
  std::uint32_t type_number = 0;          ///< of `type`, in Page::types

  [[nodiscard]] Position owned_position() const;
};

/// What a projector wants out of payloads. Paths are JSON Pointers (RFC 6901).
struct Extraction {
  /// "for every element (or member) that `pattern` matches": each `*` of the pattern is a wildcard. `paths` are
  /// relative to the element: "" is the element itself, "/user_id" a member of it.
  struct Elements {
    std::string pattern = {};
    std::vector<std::string> paths = {};
  };
  std::vector<std::string> paths = {};
  std::vector<Elements> elements = {};
};

/// A projector asks for a part of its Extraction that it does not declare, which is a bug of the projector: throws
/// std::logic_error.
[[noreturn]] void refuse_undeclared(std::string_view what, std::size_t index, std::size_t declared);

/// Values that a projector declared, each at its index in the declaration. One beyond them is refused.
template <typename T>
class DeclaredValues : public std::span<const T> {
 public:
  using std::span<const T>::span;
  [[nodiscard]] const T& operator[](std::size_t index) const {
    if (index >= this->size()) refuse_undeclared("a value of an element", index, this->size());
    return this->data()[index];
  }
};

/// One match of an Extraction::Elements.
struct Element {
  DeclaredValues<std::string_view> matched;  ///< what each `*` matched, outermost first: a member's key or an index
  DeclaredValues<Json> values;               ///< parallel to Extraction::Elements::paths
};

/// What a projector sees of one event: the stored row and the values of its Extraction. Valid during handle(), with
/// whatever it gives. One thread.
class Event {
 public:
  Event(const StoredEvent& stored, const Extraction& extraction, std::span<const Json> values,
        std::span<const std::vector<Element>> elements)
      : stored_(&stored), extraction_(&extraction), values_(values), elements_(elements) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] const StoredEvent& stored() const { return *stored_; }
  [[nodiscard]] std::string_view type() const { return stored_->type; }
  // Texts. For a column of uuids or of timestamps: as the store sent it, where that is such a value.
  [[nodiscard]] Json event_id(ColumnType column = ColumnType::text) const {
    return json_of(stored_->event_id, column, event_id_);
  }
  /// JSON null where the store has none.
  [[nodiscard]] Json ts(ColumnType column = ColumnType::text) const { return json_of(stored_->ts, column, ts_); }
  [[nodiscard]] Json metadata() const { return json_of(stored_->metadata, ColumnType::text, metadata_); }
  /// Throws EventError where the event has none.
  [[nodiscard]] Json stream_id(ColumnType column = ColumnType::text) const;

  /// The value at Extraction::paths[index], or at a path of these. One that is not declared is a bug of the projector,
  /// std::logic_error, here and below.
  [[nodiscard]] const Json& value(std::size_t index) const {
    if (index >= values_.size()) refuse_undeclared("a path", index, values_.size());
    return values_[index];
  }
  [[nodiscard]] const Json& value(std::string_view path) const;
  /// The matches of Extraction::elements[index], in payload order.
  [[nodiscard]] const std::vector<Element>& elements(std::size_t index) const {
    if (index >= elements_.size()) refuse_undeclared("elements", index, elements_.size());
    return elements_[index];
  }

 private:
  static Json json_of(const StoredValue& value, ColumnType column, StoredValue::Room& room);

  const StoredEvent* stored_;
  const Extraction* extraction_;
  std::span<const Json> values_;
  std::span<const std::vector<Element>> elements_;
  // Where texts are that somebody asked for: written again whenever somebody asks, and always the same.
  mutable StoredValue::Room event_id_, ts_, stream_id_, metadata_;
};

}  // namespace rebuild_projection

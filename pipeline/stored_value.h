#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// A value of a column of the event store, as it was sent: most are never asked for their text, and a key or a moment
/// needs none. Refers to its bytes, which live as long as the page.
class StoredValue {
 public:
  /// The binary forms are those of PostgreSQL's send functions.
  enum class Form : std::uint8_t { null, text, uuid, timestamp, timestamptz, int2, int4, int8, jsonb };
  /// Where a text is written that is not sent as one.
  using Room = std::array<char, 48>;

  StoredValue() = default;
  StoredValue(Form form, std::string_view bytes)
      : bytes_(bytes.data()), size_(static_cast<std::uint32_t>(bytes.size())), form_(form) {}
  // NOLINTBEGIN(google-explicit-constructor): a text is one
  StoredValue(std::string_view text) : StoredValue(Form::text, text) {}
  StoredValue(const char* text) : StoredValue(std::string_view(text)) {}
  StoredValue(std::nullopt_t) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] Form form() const { return form_; }
  [[nodiscard]] bool is_null() const { return form_ == Form::null; }
  [[nodiscard]] std::string_view bytes() const { return {bytes_, size_}; }

  /// Exactly as PostgreSQL's output function prints it in UTC with DateStyle ISO: "2025-02-01 00:00:00+00". Empty where
  /// it is NULL. Valid as long as the page and `room`.
  [[nodiscard]] std::string_view text(Room& room) const;
  [[nodiscard]] std::string text() const;
  /// nullopt where it is NULL.
  [[nodiscard]] std::optional<std::string> optional_text() const;

 private:
  const char* bytes_ = nullptr;
  std::uint32_t size_ = 0;  // PostgreSQL's values are below 1 GiB
  Form form_ = Form::null;
};

}  // namespace rebuild_projection

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// An exact decimal number of any size, with a scale: 1.10 keeps its zero. Follows PostgreSQL's numeric: sums keep the
/// larger scale, rounding is half away from zero, 1.0 and 1.00 are equal.
class Decimal {
 public:
  Decimal();
  explicit Decimal(std::int64_t integer);
  /// `coefficient` with `scale` digits after the point, 0 or more.
  static Decimal of(std::int64_t coefficient, int scale);
  Decimal(const Decimal& other);
  Decimal(Decimal&& other) noexcept;
  Decimal& operator=(const Decimal& other);
  Decimal& operator=(Decimal&& other) noexcept;
  ~Decimal();

  /// Reads "-12.50", "1e3", ".5", "5."; white space around it is allowed, as PostgreSQL's numeric input allows it.
  /// nullopt where the text is anything else (NaN and infinity too) or has more digits than numeric holds (131,072
  /// before the point, 16,383 after it).
  static std::optional<Decimal> parse(std::string_view text);

  [[nodiscard]] int scale() const { return scale_; }
  /// This number without its point, where that fits 64 bits.
  [[nodiscard]] std::optional<std::int64_t> small_coefficient() const {
    return big_ == nullptr ? std::optional(small_) : std::nullopt;
  }
  [[nodiscard]] bool is_integral() const;
  /// This number with exactly `scale` digits after the point, rounded half away from zero. A negative `scale` rounds
  /// before the point, as numeric(3, -2) does; the result then has scale 0.
  [[nodiscard]] Decimal rounded(int scale) const;
  /// Plain digits, never an exponent: "-12.50".
  [[nodiscard]] std::string to_text() const;
  /// The same text for equal numbers: without trailing zeros after the point, never "-0".
  [[nodiscard]] std::string to_canonical_text() const;

  /// Memory held besides the object itself, in bytes, estimated.
  [[nodiscard]] std::size_t heap_bytes() const;

  Decimal& operator+=(const Decimal& other);
  friend std::strong_ordering operator<=>(const Decimal& left, const Decimal& right);
  friend bool operator==(const Decimal& left, const Decimal& right) { return (left <=> right) == 0; }

 private:
  struct Big;  ///< an integer of any size
  static std::optional<Decimal> parse_plain(std::string_view text);
  [[nodiscard]] Big coefficient() const;
  void assign(Big&& coefficient, int scale);

  std::int64_t small_ = 0;    ///< the coefficient, where big_ is empty
  std::unique_ptr<Big> big_;  ///< the coefficient, where it does not fit
  std::int32_t scale_ = 0;    ///< digits after the point, 0 or more
};

}  // namespace rebuild_projection

#include "pipeline/decimal.h"

#include <gmpxx.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace rebuild_projection {

// A coefficient of 64 bits is kept as it is; anything longer goes to GMP, which takes and gives `long`.
static_assert(sizeof(long) == sizeof(std::int64_t));

struct Decimal::Big {
  mpz_class value;
};

namespace {

// The limits of numeric: https://www.postgresql.org/docs/15/datatype-numeric.html
constexpr std::int64_t digits_before_point_max = 131'072;
constexpr std::int64_t digits_after_point_max = 16'383;
// PostgreSQL refuses any exponent beyond this, even of zero (set_var_from_str in numeric.c).
constexpr std::int64_t exponent_max = std::numeric_limits<std::int32_t>::max() / 2;

constexpr int small_digits_max = 18;  // every number of so many digits fits 64 bits

constexpr auto powers_of_ten = [] {
  std::array<std::int64_t, small_digits_max + 1> powers{};
  std::int64_t power = 1;
  for (std::int64_t& entry : powers) {
    entry = power;
    if (&entry != &powers.back()) power *= 10;
  }
  return powers;
}();

mpz_class power_of_ten(std::int64_t exponent) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), 10, static_cast<unsigned long>(exponent));
  return power;
}

bool multiply_by_power_of_ten(std::int64_t& number, std::int64_t exponent) {
  if (number == 0) return true;
  if (exponent > small_digits_max) return false;
  return !__builtin_mul_overflow(number, powers_of_ten[static_cast<std::size_t>(exponent)], &number);
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

bool take_sign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

std::string_view without_leading_zeros(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

/// The number at the end of a text, as it is written: its digits, and where the point is.
struct Spelling {
  bool negative = false;
  std::string_view before_point;
  std::string_view after_point;
  std::int64_t exponent = 0;
};

std::optional<Spelling> spelling(std::string_view text) {
  Spelling result;
  text = trimmed(text);
  result.negative = take_sign(text);
  result.before_point = take_digits(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    result.after_point = take_digits(text);
  }
  if (result.before_point.empty() && result.after_point.empty()) return std::nullopt;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    const bool negative = take_sign(text);
    const std::string_view digits = take_digits(text);
    if (digits.empty()) return std::nullopt;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.exponent);
    if (error != std::errc() || result.exponent >= exponent_max) return std::nullopt;
    if (negative) result.exponent = -result.exponent;
  }
  if (!text.empty()) return std::nullopt;
  return result;
}

std::string digits_of(std::int64_t number) {
  std::array<char, 24> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), end};
}

}  // namespace

Decimal::Decimal() = default;
Decimal::Decimal(std::int64_t integer) : small_(integer) {}
Decimal Decimal::of(std::int64_t coefficient, int scale) {
  Decimal result(coefficient);
  result.scale_ = scale;
  return result;
}
Decimal::Decimal(const Decimal& other)
    : small_(other.small_), big_(other.big_ ? std::make_unique<Big>(*other.big_) : nullptr), scale_(other.scale_) {}
Decimal::Decimal(Decimal&& other) noexcept = default;
Decimal& Decimal::operator=(const Decimal& other) {
  if (this != &other) *this = Decimal(other);
  return *this;
}
Decimal& Decimal::operator=(Decimal&& other) noexcept = default;
Decimal::~Decimal() = default;

/// "-12.50": a sign, digits, a point and digits, together so few that they fit 64 bits. What everybody writes.
std::optional<Decimal> Decimal::parse_plain(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > small_digits_max) return std::nullopt;
  std::int64_t number = 0;
  std::size_t point = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = static_cast<unsigned char>(text[i] - '0');
    if (digit <= 9)
      number = number * 10 + digit;
    else if (text[i] == '.' && point == text.size() && i != 0 && i + 1 != text.size())
      point = i;
    else
      return std::nullopt;
  }
  return of(negative ? -number : number, point == text.size() ? 0 : static_cast<int>(text.size() - point - 1));
}

std::optional<Decimal> Decimal::parse(std::string_view text) {
  if (auto plain = parse_plain(text)) return plain;
  const std::optional<Spelling> written = spelling(text);
  if (!written) return std::nullopt;
  std::string_view before = without_leading_zeros(written->before_point);
  std::string_view after = written->after_point;
  const std::int64_t scale = static_cast<std::int64_t>(after.size()) - written->exponent;
  if (scale > digits_after_point_max) return std::nullopt;
  if (before.empty()) after = without_leading_zeros(after);
  const std::int64_t digits = static_cast<std::int64_t>(before.size() + after.size());

  Decimal result;
  result.scale_ = static_cast<std::int32_t>(std::max<std::int64_t>(scale, 0));
  if (digits == 0) return result;
  if (digits - scale > digits_before_point_max) return std::nullopt;
  const std::int64_t zeros = std::max<std::int64_t>(-scale, 0);  // "1e3": digits that the exponent adds
  if (digits + zeros <= small_digits_max) {
    for (const std::string_view part : {before, after})
      for (const char c : part) result.small_ = result.small_ * 10 + (c - '0');
    result.small_ *= powers_of_ten[static_cast<std::size_t>(zeros)];
    if (written->negative) result.small_ = -result.small_;
    return result;
  }
  std::string all;
  all.reserve(static_cast<std::size_t>(digits + zeros));
  all.append(before).append(after).append(static_cast<std::size_t>(zeros), '0');
  Big big{mpz_class(all, 10)};
  if (written->negative) mpz_neg(big.value.get_mpz_t(), big.value.get_mpz_t());
  result.assign(std::move(big), result.scale_);
  return result;
}

Decimal::Big Decimal::coefficient() const {
  return big_ ? *big_ : Big{mpz_class(static_cast<long>(small_))};
}

void Decimal::assign(Big&& coefficient, int scale) {
  scale_ = scale;
  if (coefficient.value.fits_slong_p()) {
    small_ = coefficient.value.get_si();
    big_.reset();
  } else {
    small_ = 0;
    big_ = std::make_unique<Big>(std::move(coefficient));
  }
}

bool Decimal::is_integral() const {
  if (scale_ == 0) return true;
  if (!big_ && scale_ > small_digits_max) return small_ == 0 || rounded(0) == *this;
  if (!big_) return small_ % powers_of_ten[static_cast<std::size_t>(scale_)] == 0;
  return mpz_divisible_p(big_->value.get_mpz_t(), power_of_ten(scale_).get_mpz_t()) != 0;
}

Decimal Decimal::rounded(int scale) const {
  if (scale == scale_) return *this;
  Decimal result;
  if (scale > scale_) {
    result = *this;
    if (!big_ && multiply_by_power_of_ten(result.small_, scale - scale_)) {
      result.scale_ = scale;
    } else {
      result.assign(Big{coefficient().value * power_of_ten(scale - scale_)}, scale);
    }
    return result;
  }
  // Away from zero: add half of the last digit kept, with the number's sign, and cut off the rest.
  const mpz_class unit = power_of_ten(std::int64_t{scale_} - scale);
  mpz_class value = coefficient().value;
  const mpz_class half = unit / 2;  // exact: unit is 10 or more
  if (sgn(value) < 0) {
    value -= half;
  } else {
    value += half;
  }
  value /= unit;  // truncates
  if (scale < 0) value *= power_of_ten(-std::int64_t{scale});
  result.assign(Big{std::move(value)}, std::max(scale, 0));
  return result;
}

std::string Decimal::to_text() const {
  std::string digits = big_ ? big_->value.get_str() : digits_of(small_);
  if (scale_ == 0) return digits;
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  const auto after_point = static_cast<std::size_t>(scale_);
  if (digits.size() - sign <= after_point) digits.insert(sign, after_point + 1 - (digits.size() - sign), '0');
  digits.insert(digits.size() - after_point, 1, '.');
  return digits;
}

std::string Decimal::to_canonical_text() const {
  std::string text = to_text();
  if (scale_ == 0) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::size_t Decimal::heap_bytes() const {
  if (!big_) return 0;
  return sizeof(Big) + mpz_size(big_->value.get_mpz_t()) * sizeof(mp_limb_t);
}

Decimal& Decimal::operator+=(const Decimal& other) {
  if (!big_ && !other.big_) {
    std::int64_t left = small_, right = other.small_;
    const std::int32_t scale = std::max(scale_, other.scale_);
    if (multiply_by_power_of_ten(left, scale - scale_) && multiply_by_power_of_ten(right, scale - other.scale_) &&
        !__builtin_add_overflow(left, right, &left)) {
      small_ = left;
      scale_ = scale;
      return *this;
    }
  }
  Big sum = coefficient();
  mpz_class addend = other.coefficient().value;
  if (scale_ < other.scale_) sum.value *= power_of_ten(other.scale_ - scale_);
  if (other.scale_ < scale_) addend *= power_of_ten(scale_ - other.scale_);
  sum.value += addend;
  assign(std::move(sum), std::max(scale_, other.scale_));
  return *this;
}

std::strong_ordering operator<=>(const Decimal& left, const Decimal& right) {
  if (!left.big_ && !right.big_) {
    std::int64_t l = left.small_, r = right.small_;
    const std::int32_t scale = std::max(left.scale_, right.scale_);
    if (multiply_by_power_of_ten(l, scale - left.scale_) && multiply_by_power_of_ten(r, scale - right.scale_))
      return l <=> r;
  }
  mpz_class l = left.coefficient().value, r = right.coefficient().value;
  if (left.scale_ < right.scale_) l *= power_of_ten(right.scale_ - left.scale_);
  if (right.scale_ < left.scale_) r *= power_of_ten(left.scale_ - right.scale_);
  return cmp(l, r) <=> 0;
}

}  // namespace rebuild_projection

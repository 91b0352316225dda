#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace rebuild_projection {

/// The text of the rows, which it writes to standard output piece by piece. The caller escapes what COPY needs escaped,
/// puts the tabs between columns, and calls flush() at the end. Throws std::runtime_error when it cannot write.
class CopyWriter {
 public:
  CopyWriter& operator<<(std::string_view raw) {
    buffer_ += raw;
    return *this;
  }
  CopyWriter& operator<<(std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }
  void fixed(std::uint64_t number, std::size_t digits) {
    buffer_.append(digits, '0');
    for (std::size_t i = 1; i <= digits; ++i, number /= 10)
      buffer_[buffer_.size() - i] = static_cast<char>('0' + number % 10);
  }
  void cents(std::uint64_t number) {
    *this << number / 100 << ".";
    fixed(number % 100, 2);
  }
  void timestamp(std::int64_t us) {
    using namespace std::chrono;
    const sys_time<microseconds> when{microseconds{us}};
    const auto day = floor<days>(when);
    if (day != day_) {
      day_ = day;
      const year_month_day date{day};
      date_.clear();
      std::swap(date_, buffer_);
      fixed(static_cast<unsigned>(static_cast<int>(date.year())), 4);
      *this << "-";
      fixed(static_cast<unsigned>(date.month()), 2);
      *this << "-";
      fixed(static_cast<unsigned>(date.day()), 2);
      std::swap(date_, buffer_);
    }
    const auto time = static_cast<std::uint64_t>((when - day).count());
    *this << date_ << " ";
    fixed(time / 3'600'000'000, 2);
    *this << ":";
    fixed(time / 60'000'000 % 60, 2);
    *this << ":";
    fixed(time / 1'000'000 % 60, 2);
    *this << ".";
    fixed(time % 1'000'000, 6);
    *this << "+00";
  }
  void end_row() {
    buffer_ += '\n';
    if (buffer_.size() >= flush_bytes) flush();
  }
  void flush() {
    if (std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) != buffer_.size() || std::fflush(stdout) != 0) {
      throw std::runtime_error("cannot write the events to standard output");
    }
    buffer_.clear();
  }

 private:
  static constexpr std::size_t flush_bytes = std::size_t{1} << 16;

  std::string buffer_;
  std::string date_;
  std::chrono::sys_days day_{};
};

}  // namespace rebuild_projection

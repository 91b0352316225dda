#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// The event types of a page, each once, numbered from 0 in the order in which they occur: whatever depends on the type
/// alone is asked once per page, and not once per event. Texts live as long as the page.
class PageTypes {
 public:
  static constexpr std::uint32_t unknown = UINT32_MAX;

  /// The number of a type that was added; unknown otherwise.
  [[nodiscard]] std::uint32_t find(std::string_view type) const;
  /// One that is unknown.
  std::uint32_t add(std::string_view type);

  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t number) const { return names_[number]; }

 private:
  void put(std::uint32_t number);

  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> slots_;  // an open hash table of the numbers, a power of two, at most half of it in use
};

/// A question about event types that is asked of each type of a page once, when its first event comes.
class TypeAnswers {
 public:
  explicit TypeAnswers(const PageTypes& types) : types_(types), answers_(types.size(), Answer::unasked) {}

  template <typename Question>
  bool operator()(std::uint32_t type, Question&& question) {
    Answer& answer = answers_[type];
    if (answer == Answer::unasked) answer = question(types_[type]) ? Answer::yes : Answer::no;
    return answer == Answer::yes;
  }

 private:
  enum class Answer : std::uint8_t { unasked, no, yes };
  const PageTypes& types_;
  std::vector<Answer> answers_;
};

}  // namespace rebuild_projection

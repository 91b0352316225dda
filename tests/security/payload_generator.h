#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace rebuild_projection::test {

/// Texts that are JSON, nearly JSON, or were it: random documents of few keys, some of which are cut, spliced and
/// peppered with what parsers stumble over. The same for the same seed, on any machine.
class PayloadGenerator {
 public:
  explicit PayloadGenerator(std::uint64_t seed) : random_(seed) {}

  std::string next();

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  bool once_in(std::size_t times) { return below(times) == 0; }
  void space(std::string& text);
  void value(std::string& text, std::size_t depth, bool object = false);
  void number(std::string& text);
  void string(std::string& text);
  void key(std::string& text);
  void mutate(std::string& text);

  std::mt19937_64 random_;
};

}  // namespace rebuild_projection::test

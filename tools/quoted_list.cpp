#include "tools/quoted_list.h"

namespace rebuild_projection {

namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<std::vector<ListedValue>> list() {
    std::vector<ListedValue> result;
    do {
      auto first = word("=,");
      if (!first) return std::nullopt;
      if (!take('=')) {
        result.push_back({std::nullopt, std::move(*first)});
        continue;
      }
      auto value = word(",");
      if (!value) return std::nullopt;
      result.push_back({std::move(first), std::move(*value)});
    } while (take(','));
    if (!rest_.empty()) return std::nullopt;
    return result;
  }

 private:
  void skip_blanks() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }
  bool take(char one) {
    if (!rest_.starts_with(one)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Up to one of `ends`, or what the quotes hold; nullopt where there is nothing.
  std::optional<std::string> word(std::string_view ends) {
    skip_blanks();
    std::string result;
    if (take('"')) {
      for (bool open = true; open;) {
        if (rest_.empty()) return std::nullopt;
        const char one = rest_.front();
        rest_.remove_prefix(1);
        open = one != '"' || take('"');
        if (open) result += one;
      }
      skip_blanks();
      return result;
    }
    std::string_view plain = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(plain.size());
    while (plain.ends_with(' ')) plain.remove_suffix(1);
    if (plain.empty()) return std::nullopt;
    return std::string(plain);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<ListedValue>> read_quoted_list(std::string_view text) {
  return Reader(text).list();
}

}  // namespace rebuild_projection

#include <nlohmann/json.hpp>

#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"
#include "tests/stages/parse/parse_payload.h"

namespace rebuild_projection::test {

namespace {

const std::vector<std::string> paths{"", "/v", "/v/v", "/a/0", "/", "/a~1b", "/0", "/0/v", "/v/v/v"};
const std::vector<Extraction::Elements> elements{{"/*", {"", "/v"}}, {"/v/*/*", {"/0"}}, {"/*/v/*", {}}};

/// One payload, alone in a page.
struct Parsed {
  Parsed(const std::string& payload, PayloadFormat format)
      : projector({paths, elements}),
        parser(make_json_parser({&projector}, format)),
        page(make_page({{"1", "wanted", payload}})),
        parsed(parser->parse(page)),
        error(parsed.errors.empty() ? std::nullopt : parsed.errors[0]) {}
  [[nodiscard]] const Json& value(std::size_t path) const { return parsed.values[path]; }
  ExtractingProjector projector;
  std::unique_ptr<PayloadParser> parser;
  Page page;
  ParsedPage parsed;
  std::optional<std::string> error;
};

bool same(const Json& left, const Json& right) {
  return left.kind == right.kind && left.text == right.text;
}

bool same(const Parsed& left, const Parsed& right) {
  for (std::size_t path = 0; path < paths.size(); ++path)
    if (!same(left.value(path), right.value(path))) return false;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto &of_left = left.parsed.elements[i], &of_right = right.parsed.elements[i];
    const auto equal = [](const Element& one, const Element& other) {
      return std::ranges::equal(one.matched, other.matched) &&
             std::ranges::equal(one.values, other.values, [](const Json& a, const Json& b) { return same(a, b); });
    };
    if (!std::ranges::equal(of_left, of_right, equal)) return false;
  }
  return true;
}

/// What the other library takes differently: it skips a byte order mark, ends at a zero byte, refuses halves of
/// surrogate pairs and numbers that no double holds.
bool comparable(std::string_view payload) {
  for (std::size_t at = 1; at < payload.size(); ++at)
    if ((payload[at] == 'e' || payload[at] == 'E') && payload[at - 1] >= '0' && payload[at - 1] <= '9') return false;
  return !payload.starts_with("\xEF\xBB\xBF") && payload.find('\0') == std::string_view::npos &&
         payload.find("\\u") == std::string_view::npos && payload.size() < 300;
}

void compare(const nlohmann::json& document, const Parsed& parsed) {
  for (std::size_t path = 0; path < paths.size(); ++path) {
    const Json& found = parsed.value(path);
    const nlohmann::json* at = &document;
    std::string_view rest = paths[path];
    while (at != nullptr && !rest.empty()) {
      rest.remove_prefix(1);
      const std::string written(rest.substr(0, rest.find('/')));
      rest.remove_prefix(written.size());
      const std::string token = written == "a~1b" ? "a/b" : written;
      if (at->is_object())
        at = at->contains(token) ? &(*at)[token] : nullptr;
      else if (at->is_array() && token == "0" && !at->empty())
        at = &(*at)[0];
      else
        at = nullptr;
    }
    if (at == nullptr) {
      require(found.kind == Json::Kind::missing, "missing at " + paths[path]);
    } else if (at->is_string()) {
      require(found.kind == Json::Kind::string && found.text == at->get_ref<const std::string&>(),
              "the text at " + paths[path]);
    } else if (at->is_object() || at->is_array()) {
      require(found.kind == (at->is_object() ? Json::Kind::object : Json::Kind::array),
              "the container at " + paths[path]);
      require(nlohmann::json::parse(found.text) == *at, "the document at " + paths[path]);
    } else if (at->is_number()) {
      require(found.kind == Json::Kind::number, "the number at " + paths[path]);
    } else {
      require(found.kind == (at->is_null() ? Json::Kind::null : Json::Kind::boolean), "the word at " + paths[path]);
    }
  }
}

}  // namespace

void fuzz_payload(std::string_view bytes) {
  const std::string payload(bytes);
  const Parsed as_text(payload, PayloadFormat::text);
  // The server would not have sent what is no JSON: no verdict, and no crash either.
  const Parsed as_json(payload, PayloadFormat::json), as_jsonb(payload, PayloadFormat::jsonb);
  if (!as_text.error) require(!as_json.error && same(as_text, as_json), "the same as json");
  if (!comparable(payload)) return;
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  require(document.is_discarded() == as_text.error.has_value(), "the verdict: " + as_text.error.value_or("none"));
  if (!as_text.error) compare(document, as_text);
}

}  // namespace rebuild_projection::test

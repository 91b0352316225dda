// Without this: paths, patterns, duplicates and escapes are each right alone and wrong together.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "tests/stages/parse/parse_payload.h"

namespace rebuild_projection::test {
namespace {

using Lines = std::vector<std::string>;
/// Members in the order of their keys' last occurrence: what jsonb keeps, in payload order.
using Document = nlohmann::ordered_json;

/// Writes random JSON as text, with white space, escapes and (if wanted) equal keys, and builds what it means beside
/// it.
class Generator {
 public:
  Generator(std::uint32_t seed, bool repeat_keys) : random_(seed), repeat_keys_(repeat_keys) {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

  Document value(std::string& text, std::size_t depth) {
    const std::size_t kind = below(depth == 0 ? 5 : 9);
    if (kind == 0) return text += "null", nullptr;
    if (kind == 1) return text += "true", true;
    if (kind == 2) {
      const std::string digits = std::to_string(below(1000)) + (below(2) == 0 ? "" : ".50");
      text += digits;
      return {{"number", digits}, {"", nullptr}};  // stands for a number by its digits
    }
    if (kind <= 4) return string(text, plain_text());
    return kind <= 6 ? array(text, depth) : object(text, depth);
  }

  std::string key() {
    static const char* const keys[] = {"a", "b", "ab", "", "0", "1", "*", "a/b", "~", "\xc3\xa9", "q\"", "\\"};
    return keys[below(std::size(keys))];
  }

 private:
  std::string plain_text() {
    std::string text;
    for (std::size_t i = below(12); i > 0; --i) text += key() + (below(3) == 0 ? "\n" : "x");
    return text;
  }

  std::string string(std::string& text, const std::string& meaning) {
    text += '"';
    for (const char byte : meaning) {
      if (byte == '\n') {
        text += below(2) == 0 ? "\\n" : "\\u000A";
      } else if (byte == '"' || byte == '\\') {
        text += std::string("\\") + byte;
      } else if (byte == '/' && below(2) == 0) {
        text += "\\/";
      } else if (byte == 'a' && below(4) == 0) {
        text += "\\u0061";
      } else {
        text += byte;
      }
    }
    text += '"';
    return meaning;
  }

  void space(std::string& text) {
    if (below(4) == 0) text += below(2) == 0 ? " " : "\n\t";
  }

  Document array(std::string& text, std::size_t depth) {
    Document result = Document::array();
    text += '[';
    for (std::size_t i = 0, size = below(5); i < size; ++i) {
      if (i > 0) text += ',';
      space(text);
      result.push_back(value(text, depth - 1));
      space(text);
    }
    text += ']';
    return result;
  }

  Document object(std::string& text, std::size_t depth) {
    Document result = Document::object();
    text += '{';
    bool first = true;
    for (std::size_t size = below(6); size > 0; --size) {
      const std::string name = key();
      const bool again = result.contains(name);
      if (again && !repeat_keys_) continue;
      if (!first) text += ',';
      first = false;
      space(text);
      string(text, name);
      space(text);
      text += ':';
      space(text);
      Document member = value(text, depth - 1);
      if (again) result.erase(name);
      result[name] = std::move(member);
      space(text);
    }
    text += '}';
    return result;
  }

  std::mt19937 random_;
  bool repeat_keys_;
};

bool is_number(const Document& value) {
  return value.is_object() && value.size() == 2 && value.contains("number");
}

nlohmann::json plain(const Document& value) {
  if (is_number(value)) return nlohmann::json::parse(value["number"].get<std::string>());
  nlohmann::json result = value.is_object() ? nlohmann::json::object() : nlohmann::json::array();
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) result[name] = plain(member);
  } else if (value.is_array()) {
    for (const Document& element : value) result.push_back(plain(element));
  } else {
    return nlohmann::json::parse(value.dump());
  }
  return result;
}

std::string describe(const Document* value) {
  if (value == nullptr) return "missing";
  if (value->is_null()) return "null";
  if (value->is_boolean()) return "boolean true";
  if (is_number(*value)) return "number " + (*value)["number"].get<std::string>();
  if (value->is_string()) return "string " + value->get<std::string>();
  return (value->is_object() ? "object " : "array ") + plain(*value).dump();
}

/// The same of what the parser found: the text of objects and arrays is read by another parser.
std::string describe_found(const Json& json) {
  if (json.kind == Json::Kind::object) return "object " + nlohmann::json::parse(json.text).dump();
  if (json.kind == Json::Kind::array) return "array " + nlohmann::json::parse(json.text).dump();
  return show(json);
}

const Document* child(const Document* value, const std::string& token) {
  if (value == nullptr || is_number(*value)) return nullptr;
  if (value->is_object()) return value->contains(token) ? &(*value)[token] : nullptr;
  if (!value->is_array()) return nullptr;
  for (std::size_t i = 0; i < value->size(); ++i)
    if (std::to_string(i) == token) return &(*value)[i];
  return nullptr;
}

const Document* follow(const Document* value, const Lines& tokens) {
  for (const std::string& token : tokens) value = child(value, token);
  return value;
}

void match(const Document& value, const Lines& pattern, std::size_t depth, const std::string& matched,
           const std::vector<Lines>& relative, Lines& found) {
  const auto go = [&](const std::string& name, const Document& next) {
    match(next, pattern, depth + 1, matched.empty() && depth == 0 ? name : matched + " " + name, relative, found);
  };
  if (depth == pattern.size()) {
    std::string line = "[" + matched + "]";
    for (const Lines& path : relative) line += " " + describe(follow(&value, path)) + ";";
    found.push_back(line);
  } else if (pattern[depth] != "*") {
    const Document* next = child(&value, pattern[depth]);
    if (next != nullptr) match(*next, pattern, depth + 1, matched, relative, found);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) go(std::to_string(i), value[i]);
  } else if (value.is_object() && !is_number(value)) {
    for (const auto& [name, next] : value.items()) go(name, next);
  }
}

std::string pointer(const Lines& tokens) {
  std::string text;
  for (const std::string& token : tokens) {
    text += '/';
    for (const char byte : token) text += byte == '~' ? "~0" : byte == '/' ? "~1" : std::string(1, byte);
  }
  return text;
}

/// One random document, one random extraction from it, read by the parser and by hand.
void run(std::uint32_t seed, PayloadFormat format) {
  Generator generator(seed, format != PayloadFormat::jsonb);
  std::string payload;
  const Document document = generator.value(payload, 4);
  const auto tokens = [&](std::size_t limit) {
    Lines result(generator.below(limit));
    for (std::string& token : result) token = generator.key();
    return result;
  };
  Extraction extraction;
  Lines values;
  std::vector<Lines> elements;
  for (std::size_t i = generator.below(8); i > 0; --i) {
    const Lines path = tokens(4);
    extraction.paths.push_back(pointer(path));
    values.push_back(describe(follow(&document, path)));
  }
  for (std::size_t i = generator.below(3); i > 0; --i) {
    Lines pattern = {"*"};  // first, so that every step before a wildcard's is one too
    if (generator.below(2) == 0) pattern.emplace_back("*");
    if (generator.below(3) == 0) pattern.emplace_back("a");
    std::vector<Lines> relative;
    for (std::size_t j = generator.below(4); j > 0; --j) {
      relative.push_back(tokens(3));
      if (!relative.back().empty() && relative.back().front() == "*") relative.back().front() = "b";
    }
    Extraction::Elements wanted{pointer(pattern), {}};
    for (const Lines& path : relative) wanted.paths.push_back(pointer(path));
    extraction.elements.push_back(wanted);
    elements.emplace_back();
    match(document, pattern, 0, "", relative, elements.back());
  }
  const Outcome outcome = parse_payload(extraction, payload, format, describe_found);
  ASSERT_EQ(outcome.error, std::nullopt) << payload;
  ASSERT_EQ(outcome.values, values) << payload << "\nseed " << seed;
  ASSERT_EQ(outcome.elements, elements) << payload << "\nseed " << seed;
}

TEST(RandomPayloads, AreReadAsTheyWereMeant) {
  for (std::uint32_t seed = 1; seed <= 5'000; ++seed) {
    for (const PayloadFormat format : {PayloadFormat::jsonb, PayloadFormat::json, PayloadFormat::text})
      run(seed, format);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace rebuild_projection::test

#include "tests/security/payload_generator.h"

#include <array>
#include <string_view>

namespace rebuild_projection::test {

namespace {

using namespace std::string_view_literals;

/// Tokens of paths that the tests ask for, spelled in several ways.
constexpr std::array keys{"v"sv,
                          "v"sv,
                          "v"sv,
                          "a"sv,
                          "a"sv,
                          "ab"sv,
                          ""sv,
                          "0"sv,
                          "1"sv,
                          "a/b"sv,
                          "~"sv,
                          "*"sv,
                          "\\u0076"sv,
                          "\\u0061"sv,
                          "\xC3\xA9"sv,
                          "\\u00e9"sv,
                          "\\u00E9"sv,
                          "a\\/b"sv,
                          "\\\""sv,
                          "\\\\"sv,
                          "\\ud83d\\ude00"sv,
                          "long key of many bytes"sv};

constexpr std::array inside{"a"sv,
                            "b c"sv,
                            "\\n"sv,
                            "\\\""sv,
                            "\\\\"sv,
                            "\\/"sv,
                            "\\b\\f\\r\\t"sv,
                            "\\u0041"sv,
                            "\\u00e4"sv,
                            "\\u20AC"sv,
                            "\\ud83d\\ude00"sv,
                            "\xC3\xBC"sv,
                            "\xE2\x82\xAC"sv,
                            "\xF0\x9F\x98\x80"sv,
                            "\x7F"sv,
                            "'"sv,
                            "{"sv,
                            "]"sv,
                            ":,"sv,
                            "null"sv};

/// What parsers stumble over.
constexpr std::array pepper{"\\u0000"sv,
                            "\\ud800"sv,
                            "\\udc00"sv,
                            "\\ud83d"sv,
                            "\\ude00"sv,
                            "\\u"sv,
                            "\\u12"sv,
                            "\\x"sv,
                            "\\"sv,
                            "\""sv,
                            "'"sv,
                            "{"sv,
                            "}"sv,
                            "["sv,
                            "]"sv,
                            ","sv,
                            ":"sv,
                            " "sv,
                            "\t"sv,
                            "\n"sv,
                            "\r"sv,
                            "\f"sv,
                            "\v"sv,
                            "\x01"sv,
                            "\x1f"sv,
                            "\x7f"sv,
                            "\0"sv,
                            "\xFF"sv,
                            "\xC0\x80"sv,
                            "\xC3"sv,
                            "\xED\xA0\x80"sv,
                            "\xF4\x90\x80\x80"sv,
                            "\xEF\xBB\xBF"sv,
                            "\xE2\x80\xA8"sv,
                            "\xC2\xA0"sv,
                            "-"sv,
                            "+"sv,
                            "."sv,
                            "e"sv,
                            "E"sv,
                            "0"sv,
                            "00"sv,
                            "1"sv,
                            "9"sv,
                            "1e"sv,
                            "e+"sv,
                            "1E400"sv,
                            "1e131071"sv,
                            "1e131072"sv,
                            "1e-16383"sv,
                            "1e-16384"sv,
                            "1e99999999999"sv,
                            "NaN"sv,
                            "Infinity"sv,
                            "-Infinity"sv,
                            "0x1"sv,
                            "1_0"sv,
                            "true"sv,
                            "false"sv,
                            "null"sv,
                            "tru"sv,
                            "True"sv,
                            "nul"sv,
                            "//"sv,
                            "/**/"sv,
                            "#"sv,
                            "\"v\":"sv,
                            "\"v\":1,"sv,
                            "{}"sv,
                            "[]"sv,
                            "\"\""sv,
                            ",,"sv,
                            "[,]"sv,
                            "{,}"sv};

}  // namespace

std::string PayloadGenerator::next() {
  std::string text;
  space(text);
  value(text, 1 + below(5), !once_in(4));
  space(text);
  if (once_in(2))
    for (std::size_t times = 1 + below(3); times > 0; --times) mutate(text);
  return text;
}

void PayloadGenerator::space(std::string& text) {
  if (once_in(6)) text += " \t\n\r"[below(4)];
}

void PayloadGenerator::value(std::string& text, std::size_t depth, bool object) {
  switch (object ? 11 : below(depth == 0 ? 6 : 12)) {
    case 0:
      text += "null";
      break;
    case 1:
      text += once_in(2) ? "true" : "false";
      break;
    case 2:
    case 3:
      number(text);
      break;
    case 4:
    case 5:
      string(text);
      break;
    case 6:
    case 7:
    case 8:
      text += '[';
      for (std::size_t size = below(4); size > 0; --size) {
        space(text);
        value(text, depth - 1);
        space(text);
        if (size > 1) text += ',';
      }
      text += ']';
      break;
    default:
      text += '{';
      for (std::size_t size = below(5); size > 0; --size) {
        space(text);
        key(text);
        space(text);
        text += ':';
        space(text);
        value(text, depth - 1);
        space(text);
        if (size > 1) text += ',';
      }
      text += '}';
  }
}

void PayloadGenerator::number(std::string& text) {
  if (once_in(3)) text += '-';
  text += once_in(4) ? "0" : std::to_string(1 + random_() % (once_in(3) ? 18'446'744'073'709'551'614U : 1'000U));
  if (once_in(3)) text += "." + std::to_string(below(1'000)) + (once_in(3) ? "00" : "");
  if (once_in(4))
    text += std::string(1, "eE"[below(2)]) + (once_in(3) ? "+" : once_in(2) ? "-" : "") + std::to_string(below(400));
}

void PayloadGenerator::string(std::string& text) {
  text += '"';
  for (std::size_t size = below(6); size > 0; --size) text += inside[below(inside.size())];
  if (once_in(50)) text += std::string(below(300), 'x');
  text += '"';
}

void PayloadGenerator::key(std::string& text) {
  (text += '"') += keys[below(keys.size())];
  text += '"';
}

void PayloadGenerator::mutate(std::string& text) {
  const std::size_t at = below(text.size() + 1), bytes = below(text.size() - at + 1);
  switch (below(8)) {
    case 0:
      text.erase(at, 1 + below(3));
      break;
    case 1:
      text.resize(at);
      break;
    case 2:
      text.insert(at, text.substr(below(text.size() + 1), bytes));
      break;
    case 3:
      if (at < text.size()) text[at] = static_cast<char>(random_());
      break;
    case 4: {
      // So deep that recursion shows, and not so deep that the server's stack ends.
      const std::size_t levels = once_in(100) ? 1 + below(1'500) : 1 + below(20);
      const bool object = once_in(2);
      std::string before, after;
      for (std::size_t level = 0; level < levels; ++level) {
        before += object ? "{\"v\":" : "[";
        after += object ? "}" : "]";
      }
      text.insert(0, before).append(after);
      break;
    }
    default:
      text.insert(at, pepper[below(pepper.size())]);
  }
}

}  // namespace rebuild_projection::test
